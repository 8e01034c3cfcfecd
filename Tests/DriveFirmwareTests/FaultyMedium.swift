import DriveFirmware
import SCSI

/// A medium whose operations fail as a test wants them to.
final class FaultyMedium: Medium {
  var readFailure: MediumError?
  var writeFailure: MediumError?
  var synchronizeFailure: MediumError?
  var recovery: MediumRecovery?
  /// Writes, erasures, reassignments and formattings that were asked for.
  private(set) var writes = 0
  private(set) var synchronizations = 0
  private let good: any Medium

  init(_ good: any Medium) { self.good = good }

  var geometry: MediumGeometry { good.geometry }
  var profile: MediumProfile { good.profile }
  var defects: DefectLists { good.defects }
  var isCaching: Bool {
    get { good.isCaching }
    set { good.isCaching = newValue }
  }
  var factoryRecord: FactoryRecord { good.factoryRecord }
  var isWriteProtected: Bool { good.isWriteProtected }
  func firstProtectedBlock(in range: BlockRange) -> UInt64? { good.firstProtectedBlock(in: range) }

  func read(_ range: BlockRange, into buffer: inout MutableRawSpan) throws(MediumError) {
    if let readFailure { throw readFailure }
    try good.read(range, into: &buffer)
  }

  func write(_ range: BlockRange, from data: RawSpan) throws(MediumError) {
    writes += 1
    if let writeFailure { throw writeFailure }
    try good.write(range, from: data)
  }

  func verify(_ range: BlockRange) throws(MediumError) {
    if let readFailure { throw readFailure }
    try good.verify(range)
  }

  func erase(_ range: BlockRange) throws(MediumError) {
    writes += 1
    if let writeFailure { throw writeFailure }
    try good.erase(range)
  }

  func reassign(_ block: UInt64) throws(MediumError) {
    writes += 1
    if let writeFailure { throw writeFailure }
    try good.reassign(block)
  }

  func format(_ request: FormatRequest) throws(MediumError) {
    writes += 1
    if let writeFailure { throw writeFailure }
    try good.format(request)
  }

  func takeRecovery() -> MediumRecovery? {
    defer { recovery = nil }
    return recovery ?? good.takeRecovery()
  }

  func synchronize() throws(MediumError) {
    synchronizations += 1
    if let synchronizeFailure { throw synchronizeFailure }
    try good.synchronize()
  }
}
