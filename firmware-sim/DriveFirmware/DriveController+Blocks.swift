import Octets
import SCSI

// Commands that read, write and verify blocks (SBC-3).
extension DriveController {
  /// READ: all blocks, or none count as transferred; fewer only if the transport tells residuals.
  func read(_ range: BlockRange, _ dataIn: inout MutableRawSpan, _ nexus: Nexus) throws(CommandFailure) -> Int {
    let medium = try readyMedium()
    try require(range, on: medium)
    let octets = DriveController.octetCount(range, on: medium)
    guard octets > UInt64(dataIn.byteCount) else {
      guard octets > 0 else { return 0 }
      do throws(MediumError) { try medium.read(range, into: &dataIn) } catch { throw CommandFailure(error) }
      return Int(octets)
    }
    guard nexus.reportsResiduals else { throw .sense(SenseData(.dataPhaseError)) }
    return try read(beginningOf: range, on: medium, &dataIn)
  }

  /// Fills `dataIn`, which has less room than the blocks need, with as much of them as it holds.
  private func read(
    beginningOf range: BlockRange, on medium: any Medium, _ dataIn: inout MutableRawSpan
  ) throws(CommandFailure) -> Int {
    let blockSize = Int(medium.geometry.blockSize)
    let whole = BlockRange(first: range.first, count: UInt32(truncatingIfNeeded: dataIn.byteCount / blockSize))
    let start = Int(whole.count) * blockSize
    let rest = dataIn.byteCount - start
    do throws(MediumError) {
      if whole.count > 0 { try medium.read(whole, into: &dataIn) }
      guard rest > 0 else { return start }
      let next = BlockRange(first: range.first + UInt64(whole.count), count: 1)
      try scratch.withMutableBytes { (bytes) throws(MediumError) in try medium.read(next, into: &bytes) }
    } catch {
      throw CommandFailure(error)
    }
    scratch.withBytes { DriveController.copy($0.extracting(0..<rest), to: start, of: &dataIn) }
    return start + rest
  }

  /// WRITE: nothing is written if any block is protected.
  func write(_ range: BlockRange, _ dataOut: RawSpan, _ nexus: Nexus) throws(CommandFailure) {
    let medium = try readyMedium()
    try requireWritable(range, on: medium)
    let given = try available(range, dataOut, on: medium, nexus)
    try write(given, dataOut, on: medium)
  }

  /// WRITE AND VERIFY: the medium verifies what it writes; with `comparing` the data too.
  func writeAndVerify(
    _ range: BlockRange, _ comparing: Bool, _ dataOut: RawSpan, _ nexus: Nexus
  ) throws(CommandFailure) {
    let medium = try readyMedium()
    try requireWritable(range, on: medium)
    let given = try available(range, dataOut, on: medium, nexus)
    try write(given, dataOut, on: medium)
    try verify(given, comparing ? .blocks : .none, dataOut)
  }

  /// Writes blocks that exist and are not protected; `data` has at least as many octets.
  func write(_ range: BlockRange, _ data: RawSpan, on medium: any Medium) throws(CommandFailure) {
    guard range.count > 0 else { return }
    let octets = Int(DriveController.octetCount(range, on: medium))
    do throws(MediumError) {
      try medium.write(range, from: data.extracting(0..<octets))
    } catch {
      throw CommandFailure(error)
    }
  }

  /// VERIFY: that the blocks can be read, or are what `dataOut` says.
  func verify(_ range: BlockRange, _ comparison: VerifyComparison, _ dataOut: RawSpan) throws(CommandFailure) {
    let medium = try readyMedium()
    try require(range, on: medium)
    guard range.count > 0 else { return }
    switch comparison {
    case .none:
      do throws(MediumError) { try medium.verify(range) } catch { throw CommandFailure(error) }
    case .blocks:
      try requireData(DriveController.octetCount(range, on: medium), dataOut)
      if let difference = try firstDifference(range, dataOut, on: medium) {
        let block = range.first + UInt64(difference) / UInt64(medium.geometry.blockSize)
        throw .sense(SenseData(.miscompareDuringVerify, information: block))
      }
    case .oneBlock:
      try requireData(UInt64(medium.geometry.blockSize), dataOut)
      for index in 0..<range.count {
        let block = BlockRange(first: range.first + UInt64(index), count: 1)
        guard try firstDifference(block, dataOut, on: medium) == nil else {
          throw .sense(SenseData(.miscompareDuringVerify, information: block.first))
        }
      }
    }
  }

  /// SYNCHRONIZE CACHE of `range`; no blocks means all from the first on. All of the medium is synchronised.
  func synchronize(_ range: BlockRange) throws(CommandFailure) {
    try require(range, on: try readyMedium())
    try synchronize()
  }

  /// Makes everything written so far lasting.
  func synchronize() throws(CommandFailure) {
    let medium = try readyMedium()
    do throws(MediumError) { try medium.synchronize() } catch { throw CommandFailure(error) }
  }

  // MARK: Checks

  /// Refuses ranges that the medium does not have, with the first such block.
  func require(_ range: BlockRange, on medium: any Medium) throws(CommandFailure) {
    let total = UInt64(medium.geometry.blockCount)
    guard range.isWithin(total) else {
      throw .sense(SenseData(.blockAddressOutOfRange, information: max(range.first, total)))
    }
  }

  /// Refuses ranges that the medium does not have, or of which any block must not be written, with the first such block.
  func requireWritable(_ range: BlockRange, on medium: any Medium) throws(CommandFailure) {
    try require(range, on: medium)
    guard range.count > 0 else { return }
    if modes.isWriteProtected { throw .sense(SenseData(.writeProtected, information: range.first)) }
    if let block = medium.firstProtectedBlock(in: range) {
      throw .sense(SenseData(.writeProtected, information: block))
    }
  }

  /// Refuses data that is too short.
  func requireData(_ octets: UInt64, _ dataOut: RawSpan) throws(CommandFailure) {
    guard octets <= UInt64(dataOut.byteCount) else { throw .sense(SenseData(.dataPhaseError)) }
  }

  /// All blocks from `first`, which exists, on.
  static func rest(from first: UInt64, of medium: any Medium) -> BlockRange {
    BlockRange(first: first, count: UInt32(clamping: UInt64(medium.geometry.blockCount) - first))
  }

  /// Octets of a range.
  static func octetCount(_ range: BlockRange, on medium: any Medium) -> UInt64 {
    UInt64(range.count) * UInt64(medium.geometry.blockSize)
  }

  /// The blocks of `range` for which there is data: all, or, if the transport tells residuals, those that are whole.
  private func available(
    _ range: BlockRange, _ dataOut: RawSpan, on medium: any Medium, _ nexus: Nexus
  ) throws(CommandFailure) -> BlockRange {
    let octets = DriveController.octetCount(range, on: medium)
    guard octets > UInt64(dataOut.byteCount) else { return range }
    guard nexus.reportsResiduals else { throw .sense(SenseData(.dataPhaseError)) }
    let whole = dataOut.byteCount / Int(medium.geometry.blockSize)
    return BlockRange(first: range.first, count: UInt32(truncatingIfNeeded: whole))
  }
}
