import Synchronization

/// Lets callers who come at once share a commit, which costs the disk as much for many changes as for one.
///
/// Nobody waits for company: what comes while a commit is on its way goes into the next one.
final class GroupCommit: Sendable {
  /// The most changes of one commit: beyond that, more of them save next to nothing and only keep the first one waiting.
  static let mostWrites = 128

  /// For how many batches after one with a change that failed another such is expected: who guesses codes fails often.
  static let cautiousBatches = 16

  private struct State {
    var waiting: [any PendingWrite] = []
    var isWorking = false
    /// For how many batches more a change that fails is expected.
    var caution = 0
  }

  private let state = Mutex(State())
  private let withWriter: @Sendable (_ work: @escaping @Sendable (any WritingConnection) -> Void) -> Void

  /// - Parameter withWriter: runs `work` soon, with the writing connection, where it may block.
  init(_ withWriter: @escaping @Sendable (_ work: @escaping @Sendable (any WritingConnection) -> Void) -> Void) {
    self.withWriter = withWriter
  }

  /// Makes a change together with whatever else waits; see ``Database/write(_:)``.
  func write<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R {
    let write = Write(body)
    let answer = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        if write.wait(continuation) { add(write) }
      }
    } onCancel: {
      write.cancel()
    }
    return try answer.get()
  }

  /// How many changes wait for their turn.
  var waitingCount: Int { state.withLock { $0.waiting.count } }

  private func add(_ write: any PendingWrite) {
    let isFirst = state.withLock { state in
      state.waiting.append(write)
      defer { state.isWorking = true }
      return !state.isWorking
    }
    if isFirst { work() }
  }

  /// Makes one transaction after another, as long as somebody waits. In between, the writer is anybody's.
  private func work() {
    withWriter { connection in
      guard let (writes, isCautious) = self.next() else { return }
      let areAllMade = WriteBatch(connection: connection, isCautious: isCautious).run(writes)
      self.state.withLock { $0.caution = areAllMade ? max(0, $0.caution - 1) : GroupCommit.cautiousBatches }
      self.work()
    }
  }

  /// The oldest changes that wait, and whether some are expected to fail; `nil`, and the writer may go, when there are none.
  private func next() -> ([any PendingWrite], isCautious: Bool)? {
    state.withLock { state in
      guard !state.waiting.isEmpty else {
        state.isWorking = false
        return nil
      }
      let writes = state.waiting.prefix(GroupCommit.mostWrites)
      state.waiting.removeFirst(writes.count)
      return (writes.filter { $0.claim() }, state.caution > 0)
    }
  }
}
