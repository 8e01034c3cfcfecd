import CPostgreSQL
import Foundation

/// The connection that writes.
///
/// The audit log is one chain, so there is one writer at a time, over all instances: each transaction begins by taking a
/// lock, which the server hands on in the order in which it was asked for, and takes back when an instance dies. Whoever
/// has it reads what was committed before; should somebody else change the same rows by hand, one of the two is refused
/// and tried again.
final class PostgreSQLWriter: WritingConnection, @unchecked Sendable {
  let patience: Duration
  private let line: PostgreSQLLine
  /// Who notes in each transaction which of its own it was, so that its fate can be asked for after the line broke. The
  /// server's number of the transaction would not do: what a crash took away leaves its number to somebody else's.
  private let name = UUID().uuidString
  /// The number of the newest transaction.
  private var turn = 0
  private var mustRepeat = false

  init(_ address: PostgreSQLAddress, patience: Duration) {
    self.patience = patience
    // An instance that hangs in the middle of a transaction loses it before the others lose their patience.
    line = PostgreSQLLine(address, settings: "SET idle_in_transaction_session_timeout = '5s'")
  }

  /// Makes what the lock is taken on, and where turns are noted, with a first note: if there is none later, somebody took
  /// it away. What is so old that hardly anybody asks for it any more is forgotten. Several instances may do so at once.
  ///
  /// A server that has no time yet is waited for: it may start together with this instance, or be started again just now.
  func prepare() throws {
    let deadline = ContinuousClock.now + patience
    var wasThere = false
    while true {
      do {
        try line.connected(asksWhy: true).control(
          """
          BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
          SELECT pg_advisory_xact_lock(\(PostgreSQLWriter.preparation));
          CREATE TABLE IF NOT EXISTS write_turn ();
          CREATE TABLE IF NOT EXISTS turn_notes
            (writer TEXT PRIMARY KEY, number BIGINT NOT NULL, noted_at TIMESTAMPTZ NOT NULL);
          DELETE FROM turn_notes WHERE noted_at < now() - interval '30 days';
          INSERT INTO turn_notes VALUES ('\(name)', 0, now()) ON CONFLICT DO NOTHING; COMMIT
          """)
        return line.works()
      } catch let error as PostgreSQLError where error.isLineBroken {
        switch error.obstacle {
        case nil, .lackOfTime: wasThere = true
        // Between its end and its next start there is no server.
        case .other where wasThere: break
        case .other, .password: throw error
        }
        guard .now < deadline else { throw error }
      }
    }
  }

  func begin() throws {
    mustRepeat = false
    turn += 1
    try watching {
      let connection = try line.connected()
      connection.forgetError()
      try connection.control(
        """
        \(PostgreSQLWriter.takeTurn);
        INSERT INTO turn_notes VALUES ('\(name)', \(turn), now())
        ON CONFLICT (writer) DO UPDATE SET number = excluded.number, noted_at = excluded.noted_at
        """)
      line.works()
    }
  }

  func run(_ sql: String, _ values: [SQLValue]) throws -> [SQLRow] {
    try watching { try connection.run(sql, values) }
  }

  func change(_ sql: String, _ values: [SQLValue]) throws -> Int {
    try watching { try connection.change(sql, values) }
  }

  func tell(_ sql: String, _ values: [SQLValue]) throws { try watching { try connection.send(sql, values) } }

  func settle() throws { try watching { try connection.settle() } }

  /// On its way with whatever comes next.
  func setMark(isFirst: Bool) throws {
    try watching {
      if !isFirst { try connection.send("RELEASE mark", []) }
      try connection.send("SAVEPOINT mark", [])
    }
  }

  func returnToMark() throws { _ = try watching { try connection.control("ROLLBACK TO mark") } }

  func commit() throws {
    do {
      let command = try connection.control("COMMIT").command
      // The server's answer to a COMMIT of a transaction in which a statement failed.
      guard command == "COMMIT" else { throw PostgreSQLError() }
    } catch let error as PostgreSQLError {
      mustRepeat = error.isRepeatable
      guard error.isLineBroken else { throw error }
      guard let isCommitted = fate() else { throw UndecidedCommit() }
      if !isCommitted { throw error }
    }
  }

  func rollBack() {
    guard let connection = line.current, !connection.isBroken, connection.transaction != PQTRANS_IDLE else { return }
    // If this fails, the connection is broken, and the server rolls back.
    _ = try? connection.control("ROLLBACK")
  }

  var condition: TransactionCondition {
    // Whoever asks has the error, or will have it as the condition.
    if line.current != nil { try? settle() }
    if mustRepeat { return .repeatable }
    return switch line.current?.transaction {
    case PQTRANS_INTRANS: .open
    case PQTRANS_INERROR: .failed
    case PQTRANS_IDLE: .lost
    default: .repeatable
    }
  }

  var isOutsideTransaction: Bool { line.current?.transaction == PQTRANS_IDLE }

  func close() { line.close() }

  /// The connection of the open transaction. No other may take its place in the middle.
  private var connection: PostgreSQLConnection {
    get throws {
      guard let connection = line.current else { throw PostgreSQLError(isLineBroken: true) }
      return connection
    }
  }

  /// Notes of every error whether the whole transaction is to be tried again, even if a change hides it.
  private func watching<R>(_ body: () throws -> R) throws -> R {
    do {
      return try body()
    } catch let error as PostgreSQLError {
      if error.isRepeatable { mustRepeat = true }
      throw error
    }
  }

  /// Whether the transaction of a broken line was committed; `nil` if nobody can say.
  private func fate() -> Bool? {
    let deadline = ContinuousClock.now + patience
    while .now < deadline {
      do {
        let connection = try line.connected()
        // Whoever has the lock knows that the transaction that had it is over.
        let noted = try connection.control(
          "\(PostgreSQLWriter.takeTurn); SELECT number FROM turn_notes WHERE writer = '\(name)'"
        ).value
        rollBack()
        line.works()
        // Who finds not even an earlier note cannot tell.
        return noted.map { $0 == String(turn) }
      } catch let error as PostgreSQLError {
        rollBack()
        // A broken line takes its own time.
        if !error.isLineBroken { Thread.sleep(forTimeInterval: 0.1) }
      } catch {
        return nil
      }
    }
    return nil
  }

  /// Waits for the lock before it takes its snapshot.
  private static let takeTurn =
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE; LOCK TABLE write_turn IN EXCLUSIVE MODE"

  /// The advisory lock of ``prepare()``: the first octets of "warifu".
  static let preparation = 0x7761_7269_6675
}
