import DriveFirmware
import Octets

/// What one copy of the defect management area holds.
///
/// | offset | octets | part |
/// | --- | --- | --- |
/// | 0 | 8 | `WARIFUDM` |
/// | 8 | 2 | version, 1 |
/// | 10 | 2 | flags: bit 0, formatting has begun and not ended |
/// | 12 | 8 | generation: the copy with the greatest counts |
/// | 20 | 4 | entries of the primary defect list, p |
/// | 24 | 4 | entries of the secondary defect list, s |
/// | 28 | 4 × p | defective sectors, ascending |
/// | behind | 8 × s | defective sector and its replacement, by ascending sector |
/// | behind | 4 | CRC-32C of all before |
struct DefectArea: Sendable {
  private static let magic: [UInt8] = Array("WARIFUDM".utf8)
  private static let version: UInt16 = 1
  /// Octets before the lists.
  static let headOctets = 28

  var generation: UInt64
  var isFormatting: Bool
  var map: SectorMap

  /// No defects, as an image of version 1 has them.
  init(_ geometry: MediumGeometry, generation: UInt64) {
    self.generation = generation
    isFormatting = false
    map = SectorMap(geometry)
  }

  /// The octets of a copy. No list is longer than the medium has spares, so they always fit.
  func octets() -> [UInt8] {
    let buffer = OctetBuffer(capacity: Int(ImageLayout.defectAreaOctets))
    do throws(OctetError) {
      try buffer.append(DefectArea.magic.span.bytes)
      try buffer.append(DefectArea.version)
      try buffer.append(UInt16(isFormatting ? 1 : 0))
      try buffer.append(generation)
      try buffer.append(UInt32(map.primary.count))
      try buffer.append(UInt32(map.grown.count))
      for sector in map.primary { try buffer.append(sector) }
      for (sector, spare) in map.grown.sorted(by: { $0.key < $1.key }) {
        try buffer.append(sector)
        try buffer.append(spare)
      }
      try buffer.append(buffer.withBytes { CRC32C.checksum($0) })
    } catch {
      return []  // reads back as damaged
    }
    return buffer.withBytes { $0.octets }
  }

  /// Octets of the whole copy that begins with these, more than which it may be read with; `nil` if it is none.
  static func octetCount(head: [UInt8]) -> Int? {
    var reader = OctetReader(head.span.bytes)
    do throws(OctetError) {
      guard try reader.take(8).octets == magic, try reader.u16() == version else { return nil }
      _ = try reader.take(10)
      let (primary, grown) = (UInt64(try reader.u32()), UInt64(try reader.u32()))
      let count = UInt64(headOctets) + 4 * primary + 8 * grown + 4
      return count <= ImageLayout.defectAreaOctets ? Int(count) : nil
    } catch {
      return nil
    }
  }

  /// Reads a copy; `nil` if it is damaged.
  init?(parsing octets: [UInt8], _ geometry: MediumGeometry) {
    guard octets.count >= DefectArea.headOctets + 4, DefectArea.octetCount(head: octets) == octets.count else {
      return nil
    }
    let bytes = octets.span.bytes
    let end = octets.count - 4
    var reader = OctetReader(bytes.extracting(0..<end))
    var checksum = OctetReader(bytes.extracting(end..<octets.count))
    do throws(OctetError) {
      guard try checksum.u32() == CRC32C.checksum(bytes.extracting(0..<end)) else { return nil }
      _ = try reader.take(10)
      isFormatting = try reader.u16() & 1 == 1
      generation = try reader.u64()
      let (primaryCount, grownCount) = (try reader.u32(), try reader.u32())
      var primary: [UInt32] = []
      for _ in 0..<primaryCount { primary.append(try reader.u32()) }
      var grown: [(UInt32, UInt32)] = []
      for _ in 0..<grownCount { grown.append((try reader.u32(), try reader.u32())) }
      guard let map = SectorMap(geometry, primary: primary, grown: grown) else { return nil }
      self.map = map
    } catch {
      return nil
    }
  }
}
