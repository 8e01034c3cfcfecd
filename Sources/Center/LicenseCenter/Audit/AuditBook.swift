/// One record of the audit log, for whoever may read it.
public struct AuditEntry: Hashable, Sendable {
  /// Its number, from 1.
  public var sequence: Int64
  /// When, seconds since 1970 UTC.
  public var time: UInt64
  /// What was done, such as `charge.book`.
  public var action: String
  /// To what: a serial, a number.
  public var subject: String
  /// What else there is to say; never a code, a key or a person.
  public var detail: String
  /// The record's hash, 32 octets, which covers all records before it.
  public var hash: [UInt8]
}

/// Reads the audit log. That it is whole, ``Center/verify()`` says.
public struct AuditBook: Sendable {
  /// The most records that are read at once.
  public static let pageLimit = 1000

  let context: CenterContext

  /// The records with numbers beyond `sequence`, oldest first.
  ///
  /// - Parameters:
  ///   - action: only records of this action, or, with a full stop at its end, of those that begin so: `charge.`.
  ///   - subject: only records about this.
  ///   - limit: at most so many, 1...``pageLimit``.
  public func entries(
    after sequence: Int64 = 0, action: String? = nil, subject: String? = nil, limit: Int = pageLimit
  ) async throws(CenterError) -> [AuditEntry] {
    var (conditions, values) = (["sequence > $1"], [SQLValue.integer(sequence)])
    func add(_ condition: String, _ value: String) {
      values.append(.text(value))
      conditions.append(condition.split(separator: "?").joined(separator: "$\(values.count)"))
    }
    if let action { add(action.hasSuffix(".") ? "action LIKE ? " : "action = ? ", action + (action.hasSuffix(".") ? "%" : "")) }
    if let subject { add("subject = ? ", subject) }
    values.append(.number(min(max(1, limit), AuditBook.pageLimit)))
    let query = """
      SELECT * FROM audit_log WHERE \(conditions.joined(separator: " AND ")) ORDER BY sequence LIMIT $\(values.count)
      """
    let given = values
    return try await context.database.read { try $0.run(query, given).map(AuditEntry.init) }
  }

  /// The newest record's number and hash.
  public func head() async throws(CenterError) -> AuditHead {
    try await context.database.read { try AuditLog.head($0) }
  }
}

extension Center {
  /// Reads what was done.
  public var auditBook: AuditBook { AuditBook(context: context) }
}

extension AuditEntry {
  fileprivate init(_ row: SQLRow) throws {
    sequence = try row.integer("sequence")
    time = try row.number("time")
    action = try row.text("action")
    subject = try row.text("subject")
    detail = try row.text("detail")
    hash = try row.octets("hash")
  }
}
