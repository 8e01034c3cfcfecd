import Identifiers

/// One value of a row or a parameter: what SQLite and PostgreSQL have in common and the centre needs.
public enum SQLValue: Hashable, Sendable {
  /// A 64-bit integer.
  case integer(Int64)
  /// Text.
  case text(String)
  /// Octets.
  case blob([UInt8])
  /// Nothing.
  case null
}

extension SQLValue: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral {
  /// An integer.
  public init(integerLiteral value: Int64) { self = .integer(value) }
  /// A text.
  public init(stringLiteral value: String) { self = .text(value) }

  /// An integer; one beyond 2^63-1 stands for the end of time and is clamped.
  static func number(_ value: some BinaryInteger) -> SQLValue { .integer(Int64(clamping: value)) }

  /// An integer or nothing.
  static func number(_ value: (some BinaryInteger)?) -> SQLValue { value.map { .number($0) } ?? .null }

  /// Octets or nothing.
  static func octets(_ value: [UInt8]?) -> SQLValue { value.map { .blob($0) } ?? .null }
}

/// One row of an answer. Asking for a column that is not there, or of another type, throws.
public struct SQLRow: Sendable {
  let columns: [String]
  private let values: [SQLValue]

  /// A row of these columns.
  public init(_ values: [String: SQLValue]) {
    columns = Array(values.keys)
    self.values = Array(values.values)
  }

  /// A row as an engine answers it: a value for each column. Of two columns of one name the first counts.
  init(columns: [String], values: [SQLValue]) {
    self.columns = columns
    self.values = values
  }

  /// The value in `column`, `nil` for a column that is not there.
  ///
  /// Rows are narrow: looking along them costs less than a table of the names would.
  public subscript(column: String) -> SQLValue? { columns.firstIndex(of: column).map { values[$0] } }

  /// The integer in `column`.
  func integer(_ column: String) throws(CenterError) -> Int64 {
    guard case .integer(let value) = self[column] else { throw SQLRow.mismatch(column) }
    return value
  }

  /// The integer in `column` in a narrower type.
  func number<Value: FixedWidthInteger>(_ column: String, as _: Value.Type = Value.self) throws(CenterError) -> Value {
    guard let value = Value(exactly: try integer(column)) else { throw SQLRow.mismatch(column) }
    return value
  }

  /// The integer in `column`, or `nil` for null.
  func optionalNumber<Value: FixedWidthInteger>(
    _ column: String, as _: Value.Type = Value.self
  ) throws(CenterError) -> Value? {
    self[column] == .null ? nil : try number(column)
  }

  /// The text in `column`.
  func text(_ column: String) throws(CenterError) -> String {
    guard case .text(let value) = self[column] else { throw SQLRow.mismatch(column) }
    return value
  }

  /// The octets in `column`.
  func octets(_ column: String) throws(CenterError) -> [UInt8] {
    guard case .blob(let value) = self[column] else { throw SQLRow.mismatch(column) }
    return value
  }

  /// The octets in `column`, or `nil` for null.
  func optionalOctets(_ column: String) throws(CenterError) -> [UInt8]? {
    self[column] == .null ? nil : try octets(column)
  }

  /// What `make` makes of the octets in `column`.
  func value<Value>(_ column: String, _ make: ([UInt8]) -> Value?) throws(CenterError) -> Value {
    guard let value = make(try octets(column)) else { throw SQLRow.mismatch(column) }
    return value
  }

  /// What `make` makes of the text in `column`.
  func value<Value>(_ column: String, text make: (String) -> Value?) throws(CenterError) -> Value {
    guard let value = make(try text(column)) else { throw SQLRow.mismatch(column) }
    return value
  }

  private static func mismatch(_ column: String) -> CenterError {
    CenterError(
      .damaged, "Reading the column \(column)", remedy: "The database is not the centre's; restore it from a backup.")
  }
}

extension SQLRow: Hashable {
  private var members: [String: SQLValue] {
    Dictionary(zip(columns, values), uniquingKeysWith: { first, _ in first })
  }

  /// Whether both have the same columns with the same values, in whatever order.
  public static func == (a: SQLRow, b: SQLRow) -> Bool { a.members == b.members }

  /// Takes in every column.
  public func hash(into hasher: inout Hasher) { members.hash(into: &hasher) }
}
