/// The centre's database: SQLite in one folder now, PostgreSQL when one machine is not enough.
///
/// One set of SQL statements serves every engine. They keep to what SQLite since 3.35 and PostgreSQL since 12 share
/// (`ON CONFLICT`, `RETURNING`), and write their parameters `$1`, `$2`, ...
public protocol Database: Sendable {
  /// Whose types and locks the migrations use.
  var dialect: SQLDialect { get }

  /// Runs `body` on a consistent snapshot.
  func read<R: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> R) async throws(CenterError) -> R

  /// Runs `body` in one transaction: when it returns, all of it is durable; when it throws, none of it happened.
  func write<R: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> R) async throws(CenterError) -> R

  /// Closes every connection.
  func close() throws(CenterError)
}

/// The differences between engines that migrations must know.
public struct SQLDialect: Hashable, Sendable {
  /// Type of 64-bit integers.
  public var integer: String
  /// Type of octets.
  public var blob: String
  /// What follows the closing parenthesis of CREATE TABLE.
  public var tableSuffix: String

  /// SQLite with strict tables.
  public static let sqlite = SQLDialect(integer: "INTEGER", blob: "BLOB", tableSuffix: " STRICT")
}

/// A transaction that a closure is lent. It must not leave the closure.
public protocol Transaction {
  /// Runs one statement and answers its rows.
  @discardableResult
  func run(_ sql: String, _ values: [SQLValue]) throws -> [SQLRow]

  /// Hears that the audit log has a new last record. Whoever keeps heads outside the database listens; others need not.
  func noteAuditHead(_ head: AuditHead)
}

extension Transaction {
  /// Nobody listens.
  public func noteAuditHead(_: AuditHead) {}

  /// Runs a statement without parameters.
  @discardableResult
  func run(_ sql: String) throws -> [SQLRow] { try run(sql, []) }

  /// The first row, if there is one.
  func first(_ sql: String, _ values: [SQLValue] = []) throws -> SQLRow? { try run(sql, values).first }

  /// The next number of a sequence that starts at 1. A transaction that fails gives it back.
  func nextNumber(of sequence: String) throws -> Int64 {
    let rows = try run(
      """
      INSERT INTO counters (name, value) VALUES ($1, 1)
      ON CONFLICT (name) DO UPDATE SET value = counters.value + 1
      RETURNING value
      """, [.text(sequence)])
    guard let row = rows.first else {
      throw CenterError(.storage, "Counting up", remedy: "The database answered nothing; check its version.")
    }
    return try row.integer("value")
  }
}
