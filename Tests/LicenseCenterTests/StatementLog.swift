import Synchronization

@testable import LicenseCenter

/// A database that keeps the statements it was given, in their order.
final class StatementLog: Database {
  private let database: any Database
  private let log = Mutex<[String]>([])

  init(_ database: any Database) { self.database = database }

  var dialect: SQLDialect { database.dialect }

  func read<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R {
    try await database.read { try body(Recorded(transaction: $0, log: self)) }
  }

  func write<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R {
    try await database.write { try body(Recorded(transaction: $0, log: self)) }
  }

  func close() throws(CenterError) { try database.close() }

  /// The statements since the last time.
  func take() -> [String] {
    log.withLock { log in
      defer { log = [] }
      return log
    }
  }

  private struct Recorded: Transaction {
    let transaction: any Transaction
    let log: StatementLog

    func run(_ sql: String, _ values: [SQLValue]) throws -> [SQLRow] {
      log.log.withLock { $0.append(sql) }
      return try transaction.run(sql, values)
    }

    func change(_ sql: String, _ values: [SQLValue]) throws -> Int {
      log.log.withLock { $0.append(sql) }
      return try transaction.change(sql, values)
    }

    func tell(_ sql: String, _ values: [SQLValue]) throws {
      log.log.withLock { $0.append(sql) }
      try transaction.tell(sql, values)
    }

    func noteAuditRecord(_ newest: NewestAuditRecord) { transaction.noteAuditRecord(newest) }

    var notedAuditRecord: NewestAuditRecord? { transaction.notedAuditRecord }

    var titleMemory: TitleMemory? { transaction.titleMemory }
  }
}
