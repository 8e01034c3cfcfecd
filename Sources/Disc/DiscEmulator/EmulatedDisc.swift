import DriveFirmware
import SCSI
import Synchronization

/// A magneto-optical disc in a file.
///
/// The blocks lie contiguously from ``dataOffset`` on, so ordinary tools reach them by that offset, whatever sectors
/// are defective. Reads and writes go between the caller's memory and the file without a copy. The file is locked while
/// the disc is open. The layout is in `ImageLayout`, and for people in `docs/disc-image.md`.
///
/// Any number of threads may use an open disc. Reads and writes of different blocks run side by side, and while nothing is
/// wrong with any sector they take no lock; what two operations on the same block leave behind is what one of them
/// would.
public final class EmulatedDisc: RecordingSurface, Sendable {
  /// Where the blocks begin in every image: 2 MiB.
  public static let dataOffset = ImageLayout.dataOffset

  /// The image's path.
  public let path: String
  /// The disc's layout.
  public let geometry: MediumGeometry
  /// What was recorded when the disc was manufactured.
  public let factoryRecord: FactoryRecord
  /// The blocks that can only be read, of a disc with an embossed part; the first shows the medium id.
  public let embossed: BlockRange?

  let file: ImageFile
  let headers: HeaderPair
  let sectors: SectorTable
  let blocks: FileWindow
  let guardedProtection: ProtectionSnapshots
  private let caches = Atomic(true)
  private let failures = Mutex<DiscImageError?>(nil)

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
    let header = headers.current
    geometry = header.geometry
    embossed = header.embossed
    factoryRecord = try EmulatedDisc.readFactoryRecord(file, path)
    sectors = try ImageSectorStore.table(of: file, headers, path)
    blocks = FileWindow(file, start: ImageLayout.dataOffset, length: geometry.userOctets)
    guardedProtection = ProtectionSnapshots(header.guarded(isWritable: file.isWritable))
  }

  private static func readFactoryRecord(_ file: ImageFile, _ path: String) throws(DiscImageError) -> FactoryRecord {
    for offset in ImageLayout.factoryOffsets {
      if let record = FactoryRecord(parsing: try file.page(at: offset, path)) { return record }
    }
    throw DiscImageError(
      .damagedFactoryRecord, path, "both copies of the factory record with the medium id are damaged",
      remedy: "restore the image from a copy: a medium id cannot be written again")
  }

  /// Whether all of it can be rewritten.
  public var profile: MediumProfile { embossed == nil ? .rewritable : .partlyEmbossed }

  /// Whether a write may be lasting only after ``synchronize()``. So it is unless told otherwise.
  public var isCaching: Bool {
    get { caches.load(ordering: .relaxed) }
    set { caches.store(newValue, ordering: .relaxed) }
  }

  /// Whether the computer begins to write out what is written long before ``synchronize()``, which then waits less. So
  /// it is unless told otherwise; who writes the same blocks again and again is faster without.
  public var writesOutEarly: Bool {
    get { file.writesOutEarly.load(ordering: .relaxed) }
    set { file.writesOutEarly.store(newValue, ordering: .relaxed) }
  }

  /// Why the file last failed a command, whose sense data can only say that it did.
  public var lastFailure: DiscImageError? { failures.withLock { $0 } }

  /// fdatasync.
  public func synchronize() throws(MediumError) {
    guard file.isWritable else { return }
    do throws(SyscallFailure) { try file.synchronize() } catch { throw failure(error) }
  }

  /// Makes what an operation wrote lasting, if it must be.
  func synchronizeUnlessCaching() throws(MediumError) {
    if !isCaching { try synchronize() }
  }

  // MARK: Failures

  func readError(_ error: SyscallFailure, _ range: BlockRange) -> MediumError {
    keep(.syscall(error, path))
    guard error.isInputOutput else { return .failure }
    return .unreadable(block: range.first + UInt64(error.done) / UInt64(geometry.blockSize))
  }

  func writeError(_ error: SyscallFailure, _ range: BlockRange) -> MediumError {
    keep(.syscall(error, path, changing: true))
    guard error.isInputOutput || error.isNoSpace else { return .failure }
    return .notWritten(block: range.first + UInt64(error.done) / UInt64(geometry.blockSize))
  }

  func failure(_ error: SyscallFailure) -> MediumError {
    keep(.syscall(error, path, changing: true))
    return .failure
  }

  /// Changes what is known of the sectors.
  func change<Result: Sendable>(
    _ body: (inout SectorTableContent) throws(SectorFailure) -> Result
  ) throws(MediumError) -> Result {
    do throws(SectorFailure) {
      return try sectors.change(body)
    } catch {
      switch error {
      case .medium(let error): throw error
      case .host(let error): throw failure(error)
      }
    }
  }

  private func keep(_ error: DiscImageError) { failures.withLock { $0 = error } }
}
