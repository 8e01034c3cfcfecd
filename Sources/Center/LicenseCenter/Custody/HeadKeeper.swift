import Dispatch
import Formats
import Synchronization

/// How far the kept heads may be behind the audit log.
struct HeadPolicy: Hashable, Sendable {
  /// After so many records a head is kept at once.
  var records: Int
  /// A record is under a kept head after so many seconds at the latest.
  var seconds: Double

  /// 256 records, 2 seconds.
  static let usual = HeadPolicy(records: 256, seconds: 2)
}

/// Signs heads of the audit log after they are durable, and keeps them outside the database.
///
/// Signing and syncing happen on a queue of their own: no caller waits for them. A head that could not be kept is
/// remembered, and tried again with the next one.
final class HeadKeeper: Sendable {
  private struct State {
    var newest: AuditHead?
    var kept: Int64
    var records = 0
    var isDue = false
    var failure: CenterError?
  }

  let file: AuditHeadFile
  private let center: CenterID
  private let keys: KeyStore
  private let clock: any CenterClock
  private let policy: HeadPolicy
  private let queue = DispatchQueue(label: "centre.audit-heads")
  private let state: Mutex<State>

  /// A keeper that carries on behind the head `kept`.
  init(
    file: AuditHeadFile, center: CenterID, keys: KeyStore, clock: any CenterClock, policy: HeadPolicy, kept: Int64
  ) {
    self.file = file
    self.center = center
    self.keys = keys
    self.clock = clock
    self.policy = policy
    state = Mutex(State(kept: kept))
  }

  /// Why the last head could not be kept; `nil` if it was.
  var failure: CenterError? { state.withLock { $0.failure } }

  /// Takes note of a durable head; `records` more records are behind it.
  func note(_ head: AuditHead, records: Int) {
    let (isFull, isFirst) = state.withLock { state in
      // Writes are answered in any order.
      if head.sequence > state.newest?.sequence ?? state.kept { state.newest = head }
      state.records += records
      let isFull = state.records >= policy.records
      if isFull { state.records = 0 }
      let isFirst = !isFull && !state.isDue
      if isFirst { state.isDue = true }
      return (isFull, isFirst)
    }
    if isFull { queue.async { [weak self] in self?.attempt() } }
    if isFirst { queue.asyncAfter(deadline: .now() + policy.seconds) { [weak self] in self?.attempt(isTimer: true) } }
  }

  /// Keeps the newest head now.
  func keep() throws(CenterError) {
    if let failure = queue.sync(execute: { attempt() }) { throw failure }
  }

  /// On the queue only.
  @discardableResult
  private func attempt(isTimer: Bool = false) -> CenterError? {
    let due = state.withLock { state -> AuditHead? in
      if isTimer { state.isDue = false }
      guard let newest = state.newest, newest.sequence > state.kept else { return nil }
      state.records = 0
      return newest
    }
    guard let due else { return nil }
    var failure: CenterError?
    do {
      try file.append(try SignedAuditHead.sign(due, at: clock.now(), of: center, keys))
    } catch {
      failure = CenterError(error, during: "Keeping a head of the audit log")
    }
    state.withLock { state in
      state.failure = failure
      if failure == nil { state.kept = max(state.kept, due.sequence) }
    }
    return failure
  }
}
