import Octets
import SCSI

// Commands that read, write and verify blocks (SBC-3).
extension DriveController {
  /// READ: all blocks, or none count as transferred.
  func read(_ range: BlockRange, _ dataIn: inout MutableRawSpan) throws(CommandFailure) -> Int {
    let medium = try readyMedium()
    let octets = try octetCount(range, on: medium, room: dataIn.byteCount)
    guard octets > 0 else { return 0 }
    do throws(MediumError) { try medium.read(range, into: &dataIn) } catch { throw CommandFailure(error) }
    return octets
  }

  /// WRITE: nothing is written if any block is protected.
  func write(_ range: BlockRange, _ dataOut: RawSpan) throws(CommandFailure) {
    let medium = try readyMedium()
    try require(range, on: medium)
    if let block = medium.firstProtectedBlock(in: range) {
      throw .sense(SenseData(.writeProtected, information: block))
    }
    let octets = try octetCount(range, on: medium, room: dataOut.byteCount)
    guard octets > 0 else { return }
    do throws(MediumError) {
      try medium.write(range, from: dataOut.extracting(0..<octets))
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
      let octets = try octetCount(range, on: medium, room: dataOut.byteCount)
      try compare(range, on: medium, with: dataOut.extracting(0..<octets))
    case .oneBlock:
      let blockSize = try octetCount(BlockRange(first: range.first, count: 1), on: medium, room: dataOut.byteCount)
      let block = dataOut.extracting(0..<blockSize)
      for index in 0..<range.count {
        try compare(BlockRange(first: range.first + UInt64(index), count: 1), on: medium, with: block)
      }
    }
  }

  /// Compares blocks with as many octets, as many at a time as the scratch memory holds.
  private func compare(_ range: BlockRange, on medium: any Medium, with data: RawSpan) throws(CommandFailure) {
    let blockSize = Int(medium.geometry.blockSize)
    let most = UInt32(truncatingIfNeeded: scratch.count / blockSize)
    var done: UInt32 = 0
    while done < range.count {
      let part = BlockRange(first: range.first + UInt64(done), count: min(most, range.count - done))
      do throws(MediumError) {
        try scratch.withMutableBytes { (bytes) throws(MediumError) in try medium.read(part, into: &bytes) }
      } catch {
        throw CommandFailure(error)
      }
      let start = Int(done) * blockSize
      let expected = data.extracting(start..<(start + Int(part.count) * blockSize))
      if let difference = scratch.withBytes({ firstDifference($0, expected) }) {
        let block = part.first + UInt64(difference / blockSize)
        throw .sense(SenseData(.miscompareDuringVerify, information: block))
      }
      done += part.count
    }
  }

  /// SYNCHRONIZE CACHE of `range`; no blocks means all from the first on. All of the medium is synchronised.
  func synchronize(_ range: BlockRange) throws(CommandFailure) {
    let medium = try readyMedium()
    let total = UInt64(medium.geometry.blockCount)
    guard range.first < total, UInt64(range.count) <= total - range.first else {
      throw .sense(SenseData(.blockAddressOutOfRange, information: max(range.first, total)))
    }
    try synchronize()
  }

  /// Makes everything written so far lasting.
  func synchronize() throws(CommandFailure) {
    let medium = try readyMedium()
    do throws(MediumError) { try medium.synchronize() } catch { throw CommandFailure(error) }
  }

  /// Refuses ranges that the medium does not have, with the first such block.
  private func require(_ range: BlockRange, on medium: any Medium) throws(CommandFailure) {
    let total = UInt64(medium.geometry.blockCount)
    guard range.isWithin(total) else {
      throw .sense(SenseData(.blockAddressOutOfRange, information: max(range.first, total)))
    }
  }

  /// Octets of an existing range, for which there must be room (or which must be there).
  private func octetCount(_ range: BlockRange, on medium: any Medium, room: Int) throws(CommandFailure) -> Int {
    try require(range, on: medium)
    let octets = UInt64(range.count) * UInt64(medium.geometry.blockSize)
    guard octets <= UInt64(room) else { throw .sense(SenseData(.dataPhaseError)) }
    return Int(octets)
  }
}

/// Where the octets of `b` first differ from those of `a`, which has at least as many; `nil` if nowhere.
private func firstDifference(_ a: RawSpan, _ b: RawSpan) -> Int? {
  var offset = 0
  while offset + 8 <= b.byteCount,
    a.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
      == b.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
  {
    offset += 8
  }
  while offset < b.byteCount {
    if a[octet: offset] != b[octet: offset] { return offset }
    offset += 1
  }
  return nil
}
