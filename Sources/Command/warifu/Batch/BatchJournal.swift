import CLinux
import Cryptography
import Foundation
import Glibc
import Octets

/// The journal of a batch: a file that only grows, a line for each step, on the disk before the next step begins.
///
/// The process may be killed at any moment. A last line that is torn says of itself that it was never finished: it is cut
/// off, and its step is done again, which the centre's operations and issue orders make harmless.
final class BatchJournal {
  /// The form of the journals that this program writes.
  static let version = 1
  private static let limit = 256 << 20
  private static let batchOctets = 16
  /// What every journal begins with: the members of a line are sorted by name.
  private static let beginning = Array("{\"batch\":\"".utf8)

  private let descriptor: Int32
  private let path: String
  private let clock: () -> UInt64
  /// What it says so far.
  private(set) var record: BatchRecord

  /// Opens the journal of a plan, or begins it.
  ///
  /// - Throws: ``Failure`` when it is another plan's, damaged, or somebody runs it at this moment.
  init(
    at path: String, for plan: BatchPlan, random: any RandomSource, clock: @escaping () -> UInt64
  ) throws {
    (self.path, self.clock) = (path, clock)
    descriptor = warifu_open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
    guard descriptor >= 0 else { throw BatchJournal.failure("open", path) }
    record = BatchRecord()
    do {
      guard warifu_try_lock(descriptor) == 0 else {
        throw Failure(.busy, "the journal \(path) is in use", remedy: "wait for the other run of this batch")
      }
      let octets = try SmallFile.read(path, limit: BatchJournal.limit, what: "journal")
      let whole = try BatchJournal.parse(octets, path)
      if whole.octets < octets.count, ftruncate(descriptor, off_t(whole.octets)) != 0 {
        throw BatchJournal.failure("repair", path)
      }
      record = try BatchRecord(whole.entries, path)
      if record.batch.isEmpty {
        try begin(plan, random)
      } else {
        try BatchJournal.check(record, path, isOf: plan)
      }
    } catch {
      close(descriptor)
      throw error
    }
  }

  deinit { close(descriptor) }

  /// Reads a journal as it stands, also while a batch runs.
  static func read(_ path: String) throws -> BatchRecord {
    let octets = try SmallFile.read(path, limit: limit, what: "journal")
    let record = try BatchRecord(try parse(octets, path).entries, path)
    guard !record.batch.isEmpty else {
      throw Failure(.badInput, "\(path) is no journal", remedy: "name one that 'warifu batch run' wrote")
    }
    return record
  }

  /// What the journal of a plan says, if there is one.
  static func found(_ path: String, for plan: BatchPlan) throws -> BatchRecord {
    guard FileManager.default.fileExists(atPath: path) else { return BatchRecord() }
    let record = try read(path)
    try check(record, path, isOf: plan)
    return record
  }

  private static func check(_ record: BatchRecord, _ path: String, isOf plan: BatchPlan) throws {
    guard record.plan == Hex.encode(plan.digest) else {
      throw Failure(
        .badInput, "the journal \(path) belongs to another plan, or to this one before it was changed",
        remedy: "name another with --journal; what was charged under the old one stays charged")
    }
  }

  /// An entry of this moment.
  func entry(_ event: JournalEntry.Event) -> JournalEntry { JournalEntry(event, time: clock()) }

  /// Adds a line; it is on the disk when this returns.
  func append(_ entry: JournalEntry) throws {
    var octets = try entry.line()[...]
    while !octets.isEmpty {
      let count = octets.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw BatchJournal.failure("write", path) }
      octets = octets.dropFirst(count)
    }
    guard fsync(descriptor) == 0 else { throw BatchJournal.failure("write", path) }
    record.take(entry)
  }

  private func begin(_ plan: BatchPlan, _ random: any RandomSource) throws {
    var first = entry(.begun)
    first.version = BatchJournal.version
    first.name = plan.name
    first.plan = Hex.encode(plan.digest)
    first.batch = Hex.encode(random.octets(BatchJournal.batchOctets))
    try append(first)
    try SyncedFolder.sync(containing: path)
  }

  /// The entries, and how many octets the whole lines have.
  private static func parse(_ octets: [UInt8], _ path: String) throws -> (entries: [JournalEntry], octets: Int) {
    var entries: [JournalEntry] = []
    var start = 0
    while let end = octets[start...].firstIndex(of: 0x0A) {
      guard let entry = JournalEntry.parse(octets[start..<end]) else {
        // A write is torn at the file's end alone.
        guard octets[(end + 1)...].isEmpty, !entries.isEmpty else {
          throw Failure(
            .badInput, "\(path) is no journal, or its line \(entries.count + 1) is damaged",
            remedy: "restore it; without it, cards would be charged again")
        }
        return (entries, start)
      }
      entries.append(entry)
      start = end + 1
    }
    // The first line of all may be torn, too, but it must be a journal's: another file is not to be cut off.
    let rest = octets[start...]
    guard !entries.isEmpty || rest.starts(with: beginning) || beginning.starts(with: rest) else {
      throw Failure(.badInput, "\(path) is no journal", remedy: "name another file with --journal")
    }
    return (entries, start)
  }

  private static func failure(_ action: String, _ path: String) -> Failure {
    Failure(
      errno == ENOENT || errno == ELOOP ? .noDevice : .transport,
      "cannot \(action) the journal \(path): \(String(cString: strerror(errno)))",
      remedy: "check its folder, then repeat the command; nothing is done twice")
  }
}
