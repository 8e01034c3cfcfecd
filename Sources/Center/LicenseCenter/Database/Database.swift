/// The centre's database: SQLite in one folder, or PostgreSQL when one machine is not enough.
///
/// One set of SQL statements serves every engine. They keep to what SQLite since 3.35 and PostgreSQL since 12 share
/// (`ON CONFLICT`, `RETURNING`), and write their parameters `$1`, `$2`, ...
public protocol Database: Sendable {
  /// Whose types and locks the migrations use.
  var dialect: SQLDialect { get }

  /// Runs `body` on a consistent snapshot.
  func read<R: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> R) async throws(CenterError) -> R

  /// Runs `body` so that all of it happens, durably, before this returns, or none of it, and this throws.
  ///
  /// Callers who come at once share a transaction and its commit: one's failure undoes nobody else's
  /// change, and nobody hears anything, not even of a failure, before what it rests on is durable. Where a commit fails,
  /// all of its callers hear that nothing was changed. They run one after another, in the order in which they came.
  ///
  /// `body` may run more than once, of which one run counts: it must do nothing outside of the transaction that may not
  /// be done again. A caller whose task is cancelled before its turn changes nothing; one whose turn has come is answered.
  ///
  /// - Throws: ``CenterError/Code/unknownOutcome`` when a server was lost in the middle of a commit; after every other
  ///   error nothing was changed.
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

  /// PostgreSQL.
  public static let postgreSQL = SQLDialect(integer: "BIGINT", blob: "BYTEA", tableSuffix: "")
}

/// A transaction that a closure is lent. It must not leave the closure.
public protocol Transaction {
  /// Runs one statement and answers its rows.
  @discardableResult
  func run(_ sql: String, _ values: [SQLValue]) throws -> [SQLRow]

  /// Runs one statement whose rows nobody wants. It need not be waited for: should it fail, the next statement or the end
  /// of the change does.
  func tell(_ sql: String, _ values: [SQLValue]) throws

  /// Runs one statement without an answer, and says how many rows it inserted, updated or deleted.
  func change(_ sql: String, _ values: [SQLValue]) throws -> Int

  /// Hears that the audit log has a new last record. Whoever keeps heads outside the database listens; others need not.
  func noteAuditRecord(_ newest: NewestAuditRecord)

  /// The audit log's last record, where one was noted since the transaction began; else the database must be asked.
  var notedAuditRecord: NewestAuditRecord? { get }

  /// What changes that share the transaction remember of titles, one for the next.
  var titleMemory: TitleMemory? { get }
}

extension Transaction {
  /// Waits for it all the same.
  public func tell(_ sql: String, _ values: [SQLValue]) throws { try run(sql, values) }

  /// Nobody listens.
  public func noteAuditRecord(_: NewestAuditRecord) {}

  /// Nobody has listened.
  public var notedAuditRecord: NewestAuditRecord? { nil }

  /// Each asks for itself.
  public var titleMemory: TitleMemory? { nil }

  /// Runs a statement without parameters.
  @discardableResult
  func run(_ sql: String) throws -> [SQLRow] { try run(sql, []) }

  /// The first row, if there is one.
  func first(_ sql: String, _ values: [SQLValue] = []) throws -> SQLRow? { try run(sql, values).first }

  /// The next number of a sequence that starts at 1. A transaction that fails gives it back.
  func nextNumber(of sequence: String) throws -> Int64 { try nextNumbers(1, of: sequence) }

  /// The first of the next `count` numbers of a sequence, all of which are taken.
  func nextNumbers(_ count: Int, of sequence: String) throws -> Int64 {
    let rows = try run(
      """
      INSERT INTO counters (name, value) VALUES ($1, $2)
      ON CONFLICT (name) DO UPDATE SET value = counters.value + $2
      RETURNING value
      """, [.text(sequence), .number(count)])
    guard let row = rows.first else {
      throw CenterError(.storage, "Counting up", remedy: "The database answered nothing; check its version.")
    }
    return try row.integer("value") - Int64(count) + 1
  }
}
