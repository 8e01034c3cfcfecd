import DriveFirmware
import SCSI

/// A medium that keeps no data, and notes whatever a drive asks of it that a drive must not ask.
final class HollowMedium: Medium {
  /// What the drive did that ``Medium`` does not allow.
  private(set) var violation: String?
  /// Blocks that must not be written.
  let embossed = BlockRange(first: 1000, count: 16)
  /// Whether the tab is set.
  var isWriteProtected = false
  var isCaching = true
  let geometry = MediumGeometry.mb128
  let profile = MediumProfile.partlyEmbossed
  let factoryRecord: FactoryRecord

  init(_ record: FactoryRecord) { factoryRecord = record }

  var defects: DefectLists {
    DefectLists(
      primary: [.init(sector: 7, block: 7), .init(sector: 249_000, block: nil)],
      grown: [.init(sector: 100, block: 99, replacement: 248_900)], freeSpares: 1000)
  }

  func firstProtectedBlock(in range: BlockRange) -> UInt64? {
    guard range.count > 0 else { return nil }
    if isWriteProtected { return range.first }
    return range.overlaps(embossed) ? max(range.first, embossed.first) : nil
  }

  func read(_ range: BlockRange, into buffer: inout MutableRawSpan) throws(MediumError) {
    check(range, "read")
    let octets = Int(range.count) * Int(geometry.blockSize)
    guard octets <= buffer.byteCount else { return violate("read without room") }
    buffer.withUnsafeMutableBytes { target in
      _ = UnsafeMutableRawBufferPointer(rebasing: target[..<octets]).initializeMemory(as: UInt8.self, repeating: 0)
    }
  }

  func write(_ range: BlockRange, from data: RawSpan) throws(MediumError) {
    checkWritable(range, "write")
    if data.byteCount != Int(range.count) * Int(geometry.blockSize) { violate("write of another length") }
  }

  func verify(_ range: BlockRange) throws(MediumError) {
    check(range, "verify")
    if range.first >= 2000, range.first < 2010 { throw .blank(block: range.first) }
  }

  func erase(_ range: BlockRange) throws(MediumError) { checkWritable(range, "erase") }

  func reassign(_ block: UInt64) throws(MediumError) { checkWritable(BlockRange(first: block, count: 1), "reassign") }

  func format(_ request: FormatRequest) throws(MediumError) {
    violate("format of a medium that is partly embossed")
  }

  func synchronize() throws(MediumError) {}

  func takeRecovery() -> MediumRecovery? { nil }

  private func check(_ range: BlockRange, _ operation: String) {
    if range.count == 0 || !range.isWithin(UInt64(geometry.blockCount)) { violate("\(operation) of \(range)") }
  }

  private func checkWritable(_ range: BlockRange, _ operation: String) {
    check(range, operation)
    if firstProtectedBlock(in: range) != nil { violate("\(operation) of protected \(range)") }
  }

  private func violate(_ what: String) { violation = violation ?? what }
}
