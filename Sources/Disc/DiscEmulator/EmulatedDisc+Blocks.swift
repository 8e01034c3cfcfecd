import DriveFirmware
import Octets
import SCSI

// Reading and writing: one system call each, while nothing is wrong with any sector.
extension EmulatedDisc {
  /// Reads blocks into the caller's memory.
  public func read(_ range: BlockRange, into buffer: inout MutableRawSpan) throws(MediumError) {
    let wasQuiet = sectors.isQuiet
    if !wasQuiet { try admitRead(range) }
    try get(range, into: &buffer)
    // What somebody erases meanwhile is either read as it was, or blank.
    if wasQuiet, !sectors.isQuiet { try admitRead(range) }
  }

  /// Writes blocks from the caller's memory, and verifies them.
  public func write(_ range: BlockRange, from data: RawSpan) throws(MediumError) {
    if sectors.isQuiet {
      try put(range, data)
    } else {
      let written = try putWritable(range, data)
      try confirm(written)
      try refuse(range, after: written)
    }
    try synchronizeUnlessCaching()
  }

  /// Reads blocks to see that they can be read; those that never were verified then are.
  public func verify(_ range: BlockRange) throws(MediumError) {
    if !sectors.isQuiet { try admitRead(range) }
    let most = UInt32(65_536) / geometry.blockSize
    var scratch = [UInt8](repeating: 0, count: 65_536)
    var done: UInt32 = 0
    while done < range.count {
      let part = BlockRange(first: range.first + UInt64(done), count: min(most, range.count - done))
      var span = scratch.mutableSpan
      var bytes = span.mutableBytes
      try get(part, into: &bytes)
      done += part.count
    }
    if !isWriteProtected, !sectors.isQuiet { try mark(range, as: .good) }
  }

  /// Erases blocks.
  public func erase(_ range: BlockRange) throws(MediumError) {
    try sectors.change { (content) throws(MediumError) in try content.requireFormat() }
    try clear(range)
    try synchronizeUnlessCaching()
  }

  /// What was put right without an error since the last time somebody asked.
  public func takeRecovery() -> MediumRecovery? {
    sectors.isQuiet ? nil : sectors.change { $0.takeRecovery() }
  }

  // MARK: Passes

  /// What the last pass over the sector of a block left behind.
  public func state(of block: UInt64) -> SectorState { sectors.look { $0.state(of: block) } }

  /// The sectors on which blocks lie.
  public func sectors(of range: BlockRange) -> [Range<UInt32>] { sectors.look { $0.map.sectors(of: range) } }

  /// The erase pass; the blocks' octets become zero, and take no space.
  public func clear(_ range: BlockRange) throws(MediumError) {
    try mark(range, as: .erased)
    do throws(SyscallFailure) {
      try blocks.clear(at: offset(range), UInt64(range.count) * UInt64(geometry.blockSize))
    } catch {
      throw writeError(error, range)
    }
  }

  /// The write pass.
  public func record(_ range: BlockRange, from data: RawSpan) throws(MediumError) {
    let written = try putWritable(range, data)
    try mark(written, as: .unverified)
    try refuse(range, after: written)
  }

  /// The verify pass.
  public func confirm(_ range: BlockRange) throws(MediumError) {
    try change { (content) throws(SectorFailure) in try content.confirm(range) }
  }

  /// Changes what counts as the last pass; the file is touched only where that differs.
  public func mark(_ range: BlockRange, as state: SectorState) throws(MediumError) {
    try change { (content) throws(SectorFailure) in try content.mark(range, as: state) }
  }

  // MARK: The file

  private func admitRead(_ range: BlockRange) throws(MediumError) {
    try sectors.change { (content) throws(MediumError) in try content.read(range) }
  }

  /// Writes blocks up to the first that cannot be written; gives those that were.
  private func putWritable(_ range: BlockRange, _ data: RawSpan) throws(MediumError) -> BlockRange {
    let count = try sectors.change { (content) throws(MediumError) in try content.write(range) }
    let written = BlockRange(first: range.first, count: count)
    if count > 0 { try put(written, data.extracting(0..<(Int(count) * Int(geometry.blockSize)))) }
    return written
  }

  /// Fails if not all blocks were written: what is in the next one is then neither old nor new.
  private func refuse(_ range: BlockRange, after written: BlockRange) throws(MediumError) {
    guard written.count < range.count else { return }
    let block = range.first + UInt64(written.count)
    try mark(BlockRange(first: block, count: 1), as: .halfWritten)
    throw .notWritten(block: block)
  }

  private func get(_ range: BlockRange, into buffer: inout MutableRawSpan) throws(MediumError) {
    let length = Int(range.count) * Int(geometry.blockSize)
    let failure = buffer.withUnsafeMutableBytes { bytes in
      attempt { () throws(SyscallFailure) in
        try blocks.read(at: offset(range), into: UnsafeMutableRawBufferPointer(rebasing: bytes[0..<length]))
      }
    }
    if let failure { throw readError(failure, range) }
  }

  func put(_ range: BlockRange, _ data: RawSpan) throws(MediumError) {
    let failure = data.withUnsafeBytes { bytes in
      attempt { () throws(SyscallFailure) in try blocks.write(at: offset(range), bytes) }
    }
    if let failure { throw writeError(failure, range) }
  }

  /// Runs `body` and hands its failure over as a value: closures of spans cannot throw typed errors through.
  private func attempt(_ body: () throws(SyscallFailure) -> Void) -> SyscallFailure? {
    do throws(SyscallFailure) {
      try body()
      return nil
    } catch {
      return error
    }
  }

  private func offset(_ range: BlockRange) -> UInt64 { range.first * UInt64(geometry.blockSize) }
}
