import Octets
import SCSI

// Commands whose writing depends on what is there, or that write the same over and over (SBC-3).
extension DriveController {
  /// COMPARE AND WRITE: the second half of the data is written if the first half is what is there.
  ///
  /// A difference is E/1D/00 with its offset in the data in the information field (SBC-3, 5.2). No blocks are refused: the
  /// field holds at most 255, and whoever wrote 256 into it must not take GOOD for a comparison.
  func compareAndWrite(
    _ range: BlockRange, _ forceUnitAccess: Bool, _ dataOut: RawSpan
  ) throws(CommandFailure) {
    let medium = try readyMedium()
    try requireWritable(range, on: medium)
    guard range.count > 0 else { throw .invalidField(13) }
    let octets = DriveController.octetCount(range, on: medium)
    try requireData(octets * 2, dataOut)
    if let difference = try firstDifference(range, dataOut, on: medium) {
      throw .sense(SenseData(.miscompareDuringVerify, information: UInt64(difference)))
    }
    try write(range, dataOut.extracting(Int(octets)..<Int(octets * 2)), on: medium)
    if forceUnitAccess { try synchronize() }
  }

  /// ORWRITE (16): every block is read, the bits of the data are set in it, and it is written.
  func orWrite(_ range: BlockRange, _ forceUnitAccess: Bool, _ dataOut: RawSpan) throws(CommandFailure) {
    let medium = try readyMedium()
    try requireWritable(range, on: medium)
    try requireData(DriveController.octetCount(range, on: medium), dataOut)
    try forEachPart(of: range, on: medium) { (part, offset) throws(MediumError) in
      let octets = Int(part.count) * Int(medium.geometry.blockSize)
      try scratch.withMutableBytes { (bytes) throws(MediumError) in
        try medium.read(part, into: &bytes)
        bytes.withUnsafeMutableBytes { target in
          for index in 0..<octets { target[index] |= dataOut[octet: offset + index] }
        }
      }
      try scratch.withBytes { (bytes) throws(MediumError) in
        try medium.write(part, from: bytes.extracting(0..<octets))
      }
    }
    if forceUnitAccess { try synchronize() }
  }

  /// WRITE SAME: one block of data, or zeros, to every block; no blocks means all from the first on.
  func writeSame(_ request: DriveCommand.WriteSame, _ dataOut: RawSpan) throws(CommandFailure) {
    let medium = try readyMedium()
    try require(request.range, on: medium)
    let range = request.range.count > 0 ? request.range : DriveController.rest(from: request.range.first, of: medium)
    try requireWritable(range, on: medium)
    guard !request.isUnmapping else { throw .invalidField(1, bit: 3) }
    let blockSize = Int(medium.geometry.blockSize)
    if !request.withoutData { try requireData(UInt64(blockSize), dataOut) }
    let blocks = min(scratch.count / blockSize, Int(clamping: range.count))
    scratch.withMutableBytes { bytes in
      bytes.withUnsafeMutableBytes { target in
        for index in 0..<(blocks * blockSize) {
          target[index] = request.withoutData ? 0 : dataOut[octet: index % blockSize]
        }
      }
    }
    try forEachPart(of: range, on: medium) { (part, _) throws(MediumError) in
      try scratch.withBytes { (bytes) throws(MediumError) in
        try medium.write(part, from: bytes.extracting(0..<(Int(part.count) * blockSize)))
      }
    }
  }

  /// Offset of the first octet in `data` that differs from the blocks of `range`; `nil` if none does. `data` has at least as
  /// many octets as the blocks.
  func firstDifference(
    _ range: BlockRange, _ data: RawSpan, on medium: any Medium
  ) throws(CommandFailure) -> Int? {
    var difference: Int?
    try forEachPart(of: range, on: medium) { (part, offset) throws(MediumError) in
      guard difference == nil else { return }
      try scratch.withMutableBytes { (bytes) throws(MediumError) in try medium.read(part, into: &bytes) }
      let expected = data.extracting(offset..<(offset + Int(part.count) * Int(medium.geometry.blockSize)))
      if let place = scratch.withBytes({ offsetOfDifference($0, expected) }) { difference = offset + place }
    }
    return difference
  }

  /// Calls `body` with as many blocks at a time as the scratch memory holds, and where their octets begin.
  private func forEachPart(
    of range: BlockRange, on medium: any Medium, _ body: (BlockRange, Int) throws(MediumError) -> Void
  ) throws(CommandFailure) {
    let blockSize = Int(medium.geometry.blockSize)
    let most = UInt32(truncatingIfNeeded: scratch.count / blockSize)
    var done: UInt32 = 0
    do throws(MediumError) {
      while done < range.count {
        let part = BlockRange(first: range.first + UInt64(done), count: min(most, range.count - done))
        try body(part, Int(done) * blockSize)
        done += part.count
      }
    } catch {
      throw CommandFailure(error)
    }
  }
}

/// Where the octets of `b` first differ from those of `a`, which has at least as many; `nil` if nowhere.
private func offsetOfDifference(_ a: RawSpan, _ b: RawSpan) -> Int? {
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
