/// One record of the audit log, for whoever reads it.
public struct AuditEntry: Hashable, Sendable {
  /// Its number; the first is 1.
  public var sequence: Int64
  /// When, seconds since 1970 UTC.
  public var time: UInt64
  /// What was done.
  public var action: String
  /// To what: a serial, an id or a number.
  public var subject: String
  /// Numbers and amounts; never a code, a key or a person.
  public var detail: String
  /// The record's hash, 32 octets, which covers the record before it.
  public var hash: [UInt8]
}

/// The audit log, page by page.
public struct AuditBooks: Sendable {
  let context: CenterContext

  /// At most `limit` records, oldest first, those with numbers beyond `sequence`.
  public func entries(after sequence: Int64 = 0, limit: Int) async throws(CenterError) -> [AuditEntry] {
    try await context.database.read { transaction in
      try transaction.run(
        "SELECT * FROM audit_log WHERE sequence > $1 ORDER BY sequence LIMIT $2", [.integer(sequence), .number(limit)]
      ).map { row in
        AuditEntry(
          sequence: try row.integer("sequence"), time: try row.number("time"), action: try row.text("action"),
          subject: try row.text("subject"), detail: try row.text("detail"), hash: try row.octets("hash"))
      }
    }
  }

  /// The newest record's number and hash.
  public func head() async throws(CenterError) -> AuditHead {
    try await context.database.read { try AuditLog.head($0) }
  }

  /// How often each thing was done behind the record with this number, and the newest record's number.
  func counts(after sequence: Int64) async throws(CenterError) -> (actions: [String: Int], last: Int64) {
    try await context.database.read { transaction in
      let last = try AuditLog.head(transaction).sequence
      let rows = try transaction.run(
        "SELECT action, COUNT(*) AS count FROM audit_log WHERE sequence > $1 AND sequence <= $2 GROUP BY action",
        [.integer(sequence), .integer(last)])
      let counts = try rows.map { (try $0.text("action"), try $0.number("count", as: Int.self)) }
      return (Dictionary(uniqueKeysWithValues: counts), last)
    }
  }
}
