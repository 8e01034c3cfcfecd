import DriveFirmware
import Octets
import SCSI

/// What can change about a disc beside its blocks: kept twice in the image, written one after the other.
struct ImageHeader: Hashable {
  static let magic: [UInt8] = Array("WARIFUMO".utf8)
  /// Version 1 had neither defect lists nor embossed blocks; such an image becomes version 2 with its first defect list.
  static let version: UInt16 = 2
  static let maximumProtectedRanges = 64

  var version = ImageHeader.version
  var geometry: MediumGeometry
  var protection: WriteProtection
  /// The blocks that can only be read, if it is a medium with an embossed part.
  var embossed: BlockRange?
  /// Grows with every change; the copy with the greater one counts.
  var generation: UInt64

  enum ParsingError: Error {
    case foreign, newer, damaged
  }

  /// The 4096 octets of one copy, the last four their CRC-32C.
  func page() -> [UInt8] {
    ImagePage.encode(ImageHeader.magic) { (buffer) throws(OctetError) in
      try buffer.append(version)
      try buffer.append(UInt16(protection.isWhole ? 1 : 0))
      try buffer.append(generation)
      try buffer.append(geometry.nominalMegabytes)
      try buffer.append(geometry.blockSize)
      try buffer.append(geometry.blockCount)
      try buffer.append(geometry.bandCount)
      try buffer.append(geometry.spareCount)
      try buffer.append(ImageLayout.dataOffset)
      try buffer.append(ImageLayout(geometry: geometry).fileOctets)
      try buffer.append(UInt16(protection.ranges.count))
      for range in protection.ranges {
        try buffer.append(range.first)
        try buffer.append(range.count)
      }
      guard version >= 2 else { return }
      try buffer.append(embossed?.first ?? 0)
      try buffer.append(embossed?.count ?? 0)
    }
  }

  /// Reads one copy.
  init(parsing page: [UInt8]) throws(ParsingError) {
    do {
      var reader = OctetReader(page.span.bytes)
      guard try reader.take(8).octets == ImageHeader.magic else { throw ParsingError.foreign }
      version = try reader.u16()
      guard ImagePage.isIntact(page) else { throw ParsingError.damaged }
      guard (1...ImageHeader.version).contains(version) else { throw ParsingError.newer }
      let isWhole = try reader.u16() & 1 == 1
      generation = try reader.u64()
      let numbers = [
        try reader.u32(), try reader.u32(), try reader.u32(), try reader.u32(), try reader.u32(),
      ]
      guard let geometry = MediumGeometry.all.first(where: { $0.numbers == numbers }) else {
        throw ParsingError.damaged
      }
      self.geometry = geometry
      guard try reader.u64() == ImageLayout.dataOffset,
        try reader.u64() == ImageLayout(geometry: geometry).fileOctets
      else { throw ParsingError.damaged }
      protection = WriteProtection(isWhole: isWhole)
      let count = try reader.u16()
      guard count <= ImageHeader.maximumProtectedRanges else { throw ParsingError.damaged }
      for _ in 0..<count {
        protection.ranges.append(BlockRange(first: try reader.u64(), count: try reader.u32()))
      }
      guard version >= 2 else { return }
      let zone = BlockRange(first: try reader.u64(), count: try reader.u32())
      guard zone.count == 0 || zone.isWithin(UInt64(geometry.blockCount)) else { throw ParsingError.damaged }
      embossed = zone.count == 0 ? nil : zone
    } catch let error as ParsingError {
      throw error
    } catch {
      throw .damaged
    }
  }

  init(geometry: MediumGeometry, protection: WriteProtection, embossed: BlockRange?, generation: UInt64) {
    self.geometry = geometry
    self.protection = protection
    self.embossed = embossed
    self.generation = generation
  }
}

extension MediumGeometry {
  /// What identifies the layout in a header.
  fileprivate var numbers: [UInt32] { [nominalMegabytes, blockSize, blockCount, bandCount, spareCount] }
}

/// A page of an image: magic number, content, zeros, CRC-32C over all before it.
enum ImagePage {
  /// Makes a page. No content here is as long as a page.
  static func encode(_ magic: [UInt8], _ content: (OctetBuffer) throws(OctetError) -> Void) -> [UInt8] {
    let buffer = OctetBuffer(capacity: ImageLayout.pageOctets)
    do throws(OctetError) {
      try buffer.append(magic.span.bytes)
      try content(buffer)
      try buffer.append(repeating: 0, count: ImageLayout.pageOctets - 4 - buffer.count)
      try buffer.append(buffer.withBytes { CRC32C.checksum($0) })
    } catch {
      return [UInt8](repeating: 0, count: ImageLayout.pageOctets)  // reads back as damaged
    }
    return buffer.withBytes { $0.octets }
  }

  /// Whether a page's checksum holds.
  static func isIntact(_ page: [UInt8]) -> Bool {
    guard page.count == ImageLayout.pageOctets else { return false }
    let bytes = page.span.bytes
    var reader = OctetReader(bytes.extracting((page.count - 4)..<page.count))
    return (try? reader.u32()) == CRC32C.checksum(bytes.extracting(0..<(page.count - 4)))
  }
}
