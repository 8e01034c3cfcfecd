import GRDB
import GRDBSQLite

/// Runs statements on one connection.
///
/// What a statement is told and answers goes straight to and from SQLite, since every redemption runs several of them
/// while all others wait: values by the number that stands in their name (`$1` is a named parameter to SQLite), and
/// columns under names that are read once for each statement.
package struct SQLiteTransaction: Transaction {
  let connection: GRDB.Database

  /// On `connection`, which may be used now.
  package init(connection: GRDB.Database) { self.connection = connection }

  package func run(_ sql: String, _ values: [SQLValue]) throws -> [SQLRow] {
    let statement = try connection.cachedStatement(sql: sql)
    guard !values.isEmpty || statement.columnCount > 0 else {
      // What changes the schema must come by GRDB, which forgets what it knew.
      try statement.execute()
      return []
    }
    return try SQLiteRun(statement).rows(values)
  }

  package func change(_ sql: String, _ values: [SQLValue]) throws -> Int {
    _ = try SQLiteRun(try connection.cachedStatement(sql: sql)).rows(values)
    return connection.changesCount
  }
}

/// SQLite rolls some transactions back by itself, such as one for which the disk is full.
extension SQLiteTransaction: WritingConnection {
  func begin() throws { try control("BEGIN IMMEDIATE") }

  func setMark(isFirst: Bool) throws {
    if !isFirst { try control("RELEASE mark") }
    try control("SAVEPOINT mark")
  }

  func returnToMark() throws { try control("ROLLBACK TO mark") }

  /// Nothing is ever under way.
  func settle() {}

  func commit() throws { try control("COMMIT") }

  func rollBack() { if connection.isInsideTransaction { try? control("ROLLBACK") } }

  /// SQLite breaks no transaction through nobody's fault.
  var patience: Duration { .zero }

  var condition: TransactionCondition { isOutsideTransaction ? .lost : .open }

  var isOutsideTransaction: Bool { !connection.isInsideTransaction }

  private func control(_ sql: String) throws { try connection.cachedStatement(sql: sql).execute() }
}

/// One run of a prepared statement.
private struct SQLiteRun {
  private let statement: Statement
  private var pointer: OpaquePointer { statement.sqliteStatement }

  init(_ statement: Statement) { self.statement = statement }

  func rows(_ values: [SQLValue]) throws -> [SQLRow] {
    defer {
      sqlite3_reset(pointer)
      // No copy of a value outlives the run.
      sqlite3_clear_bindings(pointer)
    }
    try bind(values)
    var rows: [SQLRow] = []
    let columns = statement.columnNames
    while true {
      switch sqlite3_step(pointer) {
      case SQLITE_ROW:
        rows.append(SQLRow(columns: columns, values: columns.indices.map { SQLValue(pointer, column: Int32($0)) }))
      case SQLITE_DONE: return rows
      case let code: throw failure(code)
      }
    }
  }

  private func bind(_ values: [SQLValue]) throws {
    let count = sqlite3_bind_parameter_count(pointer)
    guard count > 0 else { return }
    for index in 1...count {
      guard let number = SQLiteRun.number(sqlite3_bind_parameter_name(pointer, index)), values.indices.contains(number)
      else { throw DatabaseError(resultCode: .SQLITE_MISUSE, message: "a parameter without a value") }
      let code = values[number].bind(pointer, index)
      guard code == SQLITE_OK else { throw failure(code) }
    }
  }

  /// The place in the list of values that a parameter's name says: 0 for `$1`.
  private static func number(_ name: UnsafePointer<CChar>?) -> Int? {
    guard var digit = name, digit.pointee == CChar(UInt8(ascii: "$")) else { return nil }
    var number = 0
    digit += 1
    while digit.pointee != 0, number < 1000 {
      number = number * 10 + Int(digit.pointee) - Int(UInt8(ascii: "0"))
      digit += 1
    }
    return number - 1
  }

  private func failure(_ code: Int32) -> DatabaseError {
    let message = sqlite3_db_handle(pointer).flatMap { sqlite3_errmsg($0) }.map { String(cString: $0) }
    return DatabaseError(resultCode: ResultCode(rawValue: code), message: message)
  }
}

extension SQLValue {
  fileprivate func bind(_ statement: OpaquePointer, _ index: Int32) -> Int32 {
    // SQLite copies what it is given.
    let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    switch self {
    case .integer(let value): return sqlite3_bind_int64(statement, index, value)
    case .text(var value):
      guard !value.isEmpty else { return sqlite3_bind_text(statement, index, "", 0, copied) }
      return value.withUTF8 { octets in
        octets.withMemoryRebound(to: CChar.self) {
          sqlite3_bind_text(statement, index, $0.baseAddress, Int32(octets.count), copied)
        }
      }
    case .blob(let value):
      // A null pointer would be taken for null.
      guard !value.isEmpty else { return sqlite3_bind_zeroblob(statement, index, 0) }
      return value.withUnsafeBytes { sqlite3_bind_blob(statement, index, $0.baseAddress, Int32($0.count), copied) }
    case .null: return sqlite3_bind_null(statement, index)
    }
  }

  fileprivate init(_ statement: OpaquePointer, column: Int32) {
    switch sqlite3_column_type(statement, column) {
    case SQLITE_INTEGER: self = .integer(sqlite3_column_int64(statement, column))
    case SQLITE_TEXT:
      let text = sqlite3_column_text(statement, column)
      let count = Int(sqlite3_column_bytes(statement, column))
      self = .text(String(decoding: UnsafeBufferPointer(start: text, count: text == nil ? 0 : count), as: UTF8.self))
    case SQLITE_BLOB:
      let octets = sqlite3_column_blob(statement, column)
      let count = Int(sqlite3_column_bytes(statement, column))
      self = .blob(Array(UnsafeRawBufferPointer(start: octets, count: octets == nil ? 0 : count)))
    // The centre stores no floating-point numbers; a foreign one reads as nothing and fails where it is asked for.
    default: self = .null
    }
  }
}
