import DriveFirmware
import SCSI

/// A disc that forgets what is written to it: what commands do to data is tested elsewhere.
final class FuzzDisc: Medium {
  let geometry = MediumGeometry.mb128
  let profile = MediumProfile.rewritable
  let factoryRecord: FactoryRecord
  let isWriteProtected = false
  let defects = DefectLists()
  var isCaching = false

  init() throws {
    guard let record = FactoryRecord(mediumID: Array("FUZZ".utf8), manufactured: 0) else {
      throw FuzzFinding(description: "an id has four octets")
    }
    factoryRecord = record
  }

  func firstProtectedBlock(in range: BlockRange) -> UInt64? { nil }

  func read(_ range: BlockRange, into buffer: inout MutableRawSpan) throws(MediumError) {
    buffer.withUnsafeMutableBytes {
      let octets = min($0.count, Int(range.count) * 512)
      UnsafeMutableRawBufferPointer(rebasing: $0[..<octets]).initializeMemory(as: UInt8.self, repeating: 0)
    }
  }

  func write(_ range: BlockRange, from data: RawSpan) throws(MediumError) {}
  func verify(_ range: BlockRange) throws(MediumError) {}
  func erase(_ range: BlockRange) throws(MediumError) {}
  func reassign(_ block: UInt64) throws(MediumError) {}
  func format(_ request: FormatRequest) throws(MediumError) {}
  func synchronize() throws(MediumError) {}
  func takeRecovery() -> MediumRecovery? { nil }
}
