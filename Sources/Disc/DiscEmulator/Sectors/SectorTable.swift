import DriveFirmware
import SCSI
import Synchronization

/// Where an image keeps what a ``SectorTable`` knows. Calls never overlap.
protocol SectorStore: AnyObject, Sendable {
  /// Keeps the states of sectors from `index` in the table on.
  func write(states: [UInt8], at index: Int) throws(SyscallFailure)

  /// Keeps the defect lists, lasting when it returns.
  func write(_ map: SectorMap, isFormatting: Bool) throws(SyscallFailure)
}

/// Why a change of a ``SectorTable`` failed.
enum SectorFailure: Error {
  /// As the drive is told.
  case medium(MediumError)
  /// What it knows could not be kept.
  case host(SyscallFailure)
}

/// What a disc knows of its sectors: in which state each is, which are defective, and what goes wrong with them by plan.
///
/// Any number of threads may use it. While there is nothing to know, which is most of the time, ``isQuiet`` says so and
/// costs them one atomic read.
final class SectorTable: Sendable {
  private let content: Mutex<SectorTableContent>
  private let reasons: Atomic<Int>

  /// A table of what was read.
  init(_ content: SectorTableContent) {
    reasons = Atomic(content.reasons)
    self.content = Mutex(content)
  }

  /// The same table for another disc in memory.
  func copy() -> SectorTable { SectorTable(look { $0 }) }

  /// Whether all sectors are good and nothing is planned to go wrong: then blocks can be read and written without asking.
  var isQuiet: Bool { reasons.load(ordering: .acquiring) == 0 }

  /// Looks something up.
  func look<Result: Sendable>(_ body: (SectorTableContent) -> Result) -> Result { content.withLock { body($0) } }

  /// Does something that may change what is known.
  func change<Result: Sendable, Failure>(
    _ body: (inout SectorTableContent) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try content.withLock { (content) throws(Failure) in
      defer { reasons.store(content.reasons, ordering: .releasing) }
      return try body(&content)
    }
  }
}
