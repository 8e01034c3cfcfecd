import DriveFirmware
import Octets
import SCSI

/// What is embossed on a medium of which a part can only be read: the block that shows the medium id, then whatever the
/// factory puts there.
struct Embossing {
  /// Blocks at the beginning and at the end of a medium that are never embossed.
  static let marginBlocks: UInt64 = 256

  /// The embossed blocks, whole logical tracks.
  let range: BlockRange
  /// The octets of the first of them; the others are zeros.
  let octets: [UInt8]

  /// The id's block and `content` behind it; `nil` if that is too long for the medium.
  init?(_ geometry: MediumGeometry, _ record: FactoryRecord, content: [UInt8] = []) {
    let blockSize = Int(geometry.blockSize)
    let track = UInt64(geometry.sectorsPerTrack)
    let first = MediumIDSector.address(blockCount: UInt64(geometry.blockCount), blockSize: geometry.blockSize)
    let blocks = 1 + UInt64((content.count + blockSize - 1) / blockSize)
    let count = (blocks + track - 1) / track * track
    guard first >= Embossing.marginBlocks, first + count + Embossing.marginBlocks <= UInt64(geometry.blockCount),
      let sector = MediumIDSector(
        mediumID: record.mediumID, manufactured: record.manufactured, signature: record.signature)
    else { return nil }
    let buffer = OctetBuffer(capacity: blockSize)
    do throws(OctetError) { try sector.append(to: buffer, blockSize: blockSize) } catch { return nil }
    range = BlockRange(first: first, count: UInt32(count))
    octets = buffer.withBytes { $0.octets } + content
  }
}
