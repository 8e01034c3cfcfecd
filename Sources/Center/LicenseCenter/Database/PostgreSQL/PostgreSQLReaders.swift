import Dispatch
import Synchronization

/// The connections that read: a few, each on a queue of its own where it may block, and a line of callers before them.
final class PostgreSQLReaders: Sendable {
  /// One connection and where it is used.
  private struct Reader: Sendable {
    let line: PostgreSQLLine
    let queue: DispatchQueue
  }

  private typealias Work = @Sendable (PostgreSQLLine) -> Void

  private struct State {
    var waiting: [Work] = []
    var idle: [Reader]
  }

  private let patience: Duration
  private let readers: [Reader]
  private let state: Mutex<State>

  init(_ address: PostgreSQLAddress, count: Int, patience: Duration) {
    self.patience = patience
    readers = (0..<count).map { number in
      Reader(line: PostgreSQLLine(address), queue: DispatchQueue(label: "centre reads \(number)"))
    }
    state = Mutex(State(idle: readers))
  }

  /// Runs `body` on a snapshot.
  func read<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R {
    let patience = patience
    let answer = await withCheckedContinuation { continuation in
      add { line in continuation.resume(returning: PostgreSQLReaders.read(line, patience, body)) }
    }
    return try answer.get()
  }

  func close() {
    for reader in readers { reader.queue.sync { reader.line.close() } }
  }

  private func add(_ work: @escaping Work) {
    let reader = state.withLock { state -> Reader? in
      state.waiting.append(work)
      // The one used last is the likeliest to be connected.
      return state.idle.popLast()
    }
    guard let reader else { return }
    reader.queue.async { while let work = self.next(reader) { work(reader.line) } }
  }

  /// The oldest work that waits; without any, the reader is idle again.
  private func next(_ reader: Reader) -> Work? {
    state.withLock { state in
      guard !state.waiting.isEmpty else {
        state.idle.append(reader)
        return nil
      }
      return state.waiting.removeFirst()
    }
  }

  private static func read<R: Sendable>(
    _ line: PostgreSQLLine, _ patience: Duration, _ body: (any Transaction) throws -> R
  ) -> Result<R, CenterError> {
    let deadline = ContinuousClock.now + patience
    while true {
      do {
        let connection = try line.connected()
        try connection.control("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        line.works()
        connection.forgetError()
        defer { _ = try? connection.control("ROLLBACK") }
        return .success(try body(ReadingTransaction(connection: connection)))
      } catch {
        // A reader may hide errors of the engine in its own; what the connection saw decides.
        let seen = line.current?.error ?? error as? PostgreSQLError
        guard seen?.isRepeatable == true, .now < deadline else {
          return .failure(CenterError(error, during: "Reading the centre's database"))
        }
      }
    }
  }
}

private struct ReadingTransaction: Transaction {
  let connection: PostgreSQLConnection

  func run(_ sql: String, _ values: [SQLValue]) throws -> [SQLRow] { try connection.run(sql, values) }

  func change(_ sql: String, _ values: [SQLValue]) throws -> Int { try connection.change(sql, values) }
}
