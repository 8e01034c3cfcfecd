import DriveFirmware
import Glibc
import Octets
import SCSI

/// A magneto-optical disc in a file.
///
/// The blocks lie contiguously from ``dataOffset`` on, so ordinary tools reach them by that offset. Reads and writes go
/// between the caller's memory and the file without a copy. The file is locked while the disc is open. The layout is
/// in `ImageLayout`.
public final class EmulatedDisc: RecordingSurface {
  /// Where the blocks begin in every image: 2 MiB.
  public static let dataOffset = ImageLayout.dataOffset

  /// The image's path.
  public let path: String
  /// The disc's layout.
  public let geometry: MediumGeometry
  /// What was recorded when the disc was manufactured.
  public let factoryRecord: FactoryRecord

  /// Why the file last failed a command, whose sense data can only say that it did.
  public private(set) var lastFailure: DiscImageError?

  let file: ImageFile
  private var headers: HeaderPair
  private let states: SectorStates
  private let blocks: FileWindow
  private var map: SectorMap

  /// Whether all of it can be rewritten.
  public let profile = MediumProfile.rewritable
  /// Whether a write may be lasting only after SYNCHRONIZE CACHE.
  public var isCaching = true

  /// Opens an image, for reading only if the file cannot be written or `readOnly` is set; then the disc is write protected.
  ///
  /// Whatever the file is, opening does not change it.
  public init(openingAt path: String, readOnly: Bool = false) throws(DiscImageError) {
    self.path = path
    do throws(SyscallFailure) {
      file = try ImageFile.open(path, readOnly: readOnly)
      try file.lock()
    } catch {
      throw .syscall(error, path)
    }
    headers = try HeaderPair(reading: file, path)
    geometry = headers.current.geometry
    factoryRecord = try EmulatedDisc.readFactoryRecord(file, path)
    states = try SectorStates(reading: file, geometry, path)
    blocks = FileWindow(file, start: ImageLayout.dataOffset, length: geometry.userOctets)
    map = SectorMap(geometry)
  }

  private static func readFactoryRecord(_ file: ImageFile, _ path: String) throws(DiscImageError) -> FactoryRecord {
    for offset in ImageLayout.factoryOffsets {
      if let record = FactoryRecord(parsing: try file.page(at: offset, path)) { return record }
    }
    throw DiscImageError(
      .damagedFactoryRecord, path, "both copies of the factory record with the medium id are damaged",
      remedy: "restore the image from a copy: a medium id cannot be written again")
  }

  // MARK: Protection

  /// Which blocks must not be written.
  public var protection: WriteProtection { headers.current.protection }

  /// Slides the tab on the shell, or protects ranges: nothing that a command could do.
  public func setProtection(_ protection: WriteProtection) throws(DiscImageError) {
    guard file.isWritable else {
      throw DiscImageError(
        .notPermitted, path, "the image is open for reading only",
        remedy: "change the file's permissions and open it again")
    }
    try ImageHeader.require(protection, geometry, path)
    do throws(SyscallFailure) {
      try headers.update { $0.protection = protection }
    } catch {
      throw .syscall(error, path, changing: true)
    }
  }

  /// Whether the tab is set, or the file cannot be written.
  public var isWriteProtected: Bool { !file.isWritable || protection.isWhole }

  /// The first block of `range` that must not be written.
  public func firstProtectedBlock(in range: BlockRange) -> UInt64? {
    var protection = protection
    protection.isWhole = isWriteProtected
    return protection.firstProtectedBlock(in: range)
  }

  // MARK: Blocks

  /// Reads blocks into the caller's memory.
  public func read(_ range: BlockRange, into buffer: inout MutableRawSpan) throws(MediumError) {
    if let failure = states.firstFailure(in: range) { throw failure }
    let length = octets(range)
    let failure = buffer.withUnsafeMutableBytes { bytes in
      attempt { () throws(SyscallFailure) in
        try blocks.read(at: offset(range), into: UnsafeMutableRawBufferPointer(rebasing: bytes[0..<length]))
      }
    }
    if let failure { throw readError(failure, range) }
  }

  /// Writes blocks from the caller's memory, and counts them as verified.
  public func write(_ range: BlockRange, from data: RawSpan) throws(MediumError) {
    try put(range, data)
    try mark(range, as: .good)
    if !isCaching { try synchronize() }
  }

  /// Reads blocks to see that they can be read.
  public func verify(_ range: BlockRange) throws(MediumError) {
    let most = UInt32(65_536) / geometry.blockSize
    var scratch = [UInt8](repeating: 0, count: 65_536)
    var done: UInt32 = 0
    while done < range.count {
      let part = BlockRange(first: range.first + UInt64(done), count: min(most, range.count - done))
      var span = scratch.mutableSpan
      var bytes = span.mutableBytes
      try read(part, into: &bytes)
      done += part.count
    }
    if isWriteProtected == false { try mark(range, as: .good) }
  }

  /// fdatasync.
  public func synchronize() throws(MediumError) {
    guard file.isWritable else { return }
    do throws(SyscallFailure) { try file.synchronize() } catch { throw failure(error) }
  }

  // MARK: Defects

  /// The defect lists.
  public var defects: DefectLists { map.lists }

  /// Moves a block to a spare sector.
  public func reassign(_ block: UInt64) throws(MediumError) {
    let state = state(of: block)
    guard map.reassign(block) != nil else { throw .noSpareSector(block: block) }
    guard state != .erased else { return }
    let range = BlockRange(first: block, count: 1)
    if case .unreadable = state.failure(at: block) { try erase(range) }
    try mark(range, as: .good)
    try synchronize()
  }

  /// Formats the disc.
  public func format(_ request: FormatRequest) throws(MediumError) {
    let primary = Set((request.keepsPrimaryDefects ? map.primary : []) + request.defectiveBlocks.map(map.sector(of:)))
    guard let formatted = map.formatted(primary: primary, grown: request.keepsGrownDefects ? Set(map.grown.keys) : [])
    else { throw .noSpareSector(block: 0) }
    map = formatted
    let block = (0..<Int(geometry.blockSize)).map {
      request.pattern.isEmpty ? 0 : request.pattern[$0 % request.pattern.count]
    }
    for number in 0..<UInt64(geometry.blockCount) {
      try put(BlockRange(first: number, count: 1), block.span.bytes)
    }
    try mark(BlockRange(first: 0, count: geometry.blockCount), as: .good)
    try synchronize()
  }

  /// Nothing was recovered from.
  public func takeRecovery() -> MediumRecovery? { nil }

  // MARK: Passes

  /// What the last pass over a user sector left behind.
  public func state(of block: UInt64) -> SectorState { states.state(of: block) }

  /// The erase pass; the blocks' octets become zero.
  public func erase(_ range: BlockRange) throws(MediumError) {
    try mark(range, as: .erased)
    let zeros = [UInt8](repeating: 0, count: Int(geometry.blockSize))
    for index in 0..<UInt64(range.count) {
      try put(BlockRange(first: range.first + index, count: 1), zeros.span.bytes)
    }
  }

  /// The write pass.
  public func record(_ range: BlockRange, from data: RawSpan) throws(MediumError) {
    try put(range, data)
    try mark(range, as: .unverified)
  }

  /// Changes what counts as the last pass; the file is touched only where that differs.
  public func mark(_ range: BlockRange, as state: SectorState) throws(MediumError) {
    do throws(SyscallFailure) { try states.mark(range, as: state) } catch { throw failure(error) }
  }

  // MARK: Failures

  private func put(_ range: BlockRange, _ data: RawSpan) throws(MediumError) {
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

  private func readError(_ error: SyscallFailure, _ range: BlockRange) -> MediumError {
    lastFailure = .syscall(error, path)
    guard error.number == EIO else { return .failure }
    return .unreadable(block: range.first + UInt64(error.done) / UInt64(geometry.blockSize))
  }

  private func writeError(_ error: SyscallFailure, _ range: BlockRange) -> MediumError {
    lastFailure = .syscall(error, path, changing: true)
    guard [ENOSPC, EDQUOT, EFBIG, EIO].contains(error.number) else { return .failure }
    return .notWritten(block: range.first + UInt64(error.done) / UInt64(geometry.blockSize))
  }

  private func failure(_ error: SyscallFailure) -> MediumError {
    lastFailure = .syscall(error, path, changing: true)
    return .failure
  }

  private func offset(_ range: BlockRange) -> UInt64 { range.first * UInt64(geometry.blockSize) }

  private func octets(_ range: BlockRange) -> Int { Int(range.count) * Int(geometry.blockSize) }
}
