import Cryptography
import DiscDriver
import DiscEmulator
import DriveFirmware
import SCSI
import Testing

/// What flaws, power cuts and malice do to the volume that ``VolumeBench/format(_:replacing:)`` made, by octets from its
/// start.
extension MemoryDisc {
  private var firstBlock: UInt64 { 3 << 20 / UInt64(geometry.blockSize) }

  /// The block with this octet of the volume.
  func block(with offset: UInt64) -> UInt64 { firstBlock + offset / UInt64(geometry.blockSize) }

  /// Octets of the volume, whole blocks.
  func octets(at offset: UInt64, count: Int) throws -> [UInt8] {
    var octets = [UInt8](repeating: 0, count: count)
    var span = octets.mutableSpan
    var bytes = span.mutableBytes
    try read(BlockRange(first: block(with: offset), count: UInt32(count / Int(geometry.blockSize))), into: &bytes)
    return octets
  }

  /// Writes octets of the volume, whole blocks.
  func put(_ octets: [UInt8], at offset: UInt64) throws {
    let range = BlockRange(first: block(with: offset), count: UInt32(octets.count / Int(geometry.blockSize)))
    try write(range, from: octets.span.bytes)
  }

  /// Flips bits of one octet.
  func flip(_ offset: UInt64, with mask: UInt8 = 0x01) throws {
    let start = offset - offset % UInt64(geometry.blockSize)
    var block = try octets(at: start, count: Int(geometry.blockSize))
    block[Int(offset - start)] ^= mask
    try put(block, at: start)
  }

  /// Leaves the block with this octet as a pass that was cut off does.
  func mark(_ offset: UInt64, as state: SectorState) throws {
    try mark(BlockRange(first: block(with: offset), count: 1), as: state)
  }

  /// Writes a record of at most 8 KiB anew, with a right digest.
  ///
  /// - Parameter change: gets everything before the digest: 72 octets, and the payload.
  func replaceRecord(at offset: UInt64, _ change: (inout [UInt8]) -> Void) throws {
    var octets = try octets(at: offset, count: 8192)
    let count = Int(octets[14]) << 8 | Int(octets[15])
    try #require(72 + count + 32 <= octets.count)
    var record = Array(octets[..<(72 + count)])
    change(&record)
    let payload = record.count - 72
    record.replaceSubrange(12..<16, with: [0, 0, UInt8(payload >> 8), UInt8(payload & 255)])
    octets.replaceSubrange(0..<(record.count + 32), with: record + Digest.sha256(record))
    try put(octets, at: offset)
  }
}

/// Payloads of catalogues that nobody honest writes.
enum HostileCatalogue {
  /// A catalogue of these titles, each with its number, length, length of the manifest and extents.
  static func payload(_ titles: [(UInt8, length: UInt64, manifest: UInt32, extents: [(UInt32, UInt32)])]) -> [UInt8] {
    var payload = octets(UInt16(titles.count))
    for title in titles {
      payload += [UInt8](repeating: title.0, count: 16) + octets(title.length) + octets(title.manifest)
      payload += [UInt8](repeating: 0, count: 32) + [UInt8(title.extents.count)]
      for extent in title.extents { payload += octets(extent.0) + octets(extent.1) }
    }
    return payload
  }

  private static func octets(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian, Array.init)
  }
}
