import CPostgreSQL

/// Types of PostgreSQL, by their fixed numbers (`pg_type.dat`).
private enum PostgreSQLType {
  static let bool: Oid = 16
  static let bytea: Oid = 17
  static let int8: Oid = 20
  static let int2: Oid = 21
  static let int4: Oid = 23
  static let text: Oid = 25
  static let unknown: Oid = 705
  static let bpchar: Oid = 1042
  static let varchar: Oid = 1043
  static let name: Oid = 19
  /// The server finds out from where the value stands.
  static let unsaid: Oid = 0
}

extension SQLValue {
  var postgreSQLType: Oid {
    switch self {
    case .integer: PostgreSQLType.int8
    case .text: PostgreSQLType.text
    case .blob: PostgreSQLType.bytea
    case .null: PostgreSQLType.unsaid
    }
  }

  /// In PostgreSQL's binary format; `nil` for null.
  fileprivate var postgreSQLOctets: [UInt8]? {
    switch self {
    case .integer(let value): bigEndian(UInt64(bitPattern: value))
    case .text(let value): Array(value.utf8)
    case .blob(let value): value
    case .null: nil
    }
  }

  /// A value in PostgreSQL's binary format. Of a type that the centre does not store it is nothing, and fails where it is
  /// asked for, as with SQLite.
  fileprivate init(_ octets: UnsafeRawBufferPointer, type: Oid) {
    switch (type, octets.count) {
    case (PostgreSQLType.int8, 8), (PostgreSQLType.int4, 4), (PostgreSQLType.int2, 2):
      let isNegative = octets.first.map { $0 >= 0x80 } ?? false
      self = .integer(octets.reduce(isNegative ? -1 : 0) { $0 << 8 | Int64($1) })
    case (PostgreSQLType.bool, 1):
      self = .integer(octets.first == 0 ? 0 : 1)
    case (PostgreSQLType.bytea, _):
      self = .blob(Array(octets))
    case (PostgreSQLType.text, _), (PostgreSQLType.varchar, _), (PostgreSQLType.bpchar, _), (PostgreSQLType.name, _),
      (PostgreSQLType.unknown, _):
      self = .text(String(decoding: octets, as: UTF8.self))
    default:
      self = .null
    }
  }
}

/// The values of a statement's parameters, as libpq takes them.
struct PostgreSQLParameters {
  /// All of them behind one another, and one octet more, so that there is always something to point at.
  private var octets: [UInt8] = []
  private var starts: [Int?] = []
  private var lengths: [Int32] = []

  init(_ values: [SQLValue]) {
    for value in values {
      let value = value.postgreSQLOctets
      starts.append(value.map { _ in octets.count })
      lengths.append(Int32(clamping: value?.count ?? 0))
      octets += value ?? []
    }
    octets.append(0)
  }

  func withPointers<R>(
    _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> R
  ) -> R {
    octets.withUnsafeBytes { bytes in
      let base = bytes.assumingMemoryBound(to: CChar.self).baseAddress
      let pointers: [UnsafePointer<CChar>?] = starts.map { start in start.flatMap { base?.advanced(by: $0) } }
      let binary = [Int32](repeating: 1, count: starts.count)
      return pointers.withUnsafeBufferPointer { pointers in
        lengths.withUnsafeBufferPointer { lengths in
          binary.withUnsafeBufferPointer { body(pointers.baseAddress, lengths.baseAddress, $0.baseAddress) }
        }
      }
    }
  }
}

/// What a statement answered, in binary format.
struct PostgreSQLResult {
  let result: OpaquePointer

  var rows: [SQLRow] {
    let count = PQnfields(result)
    let names = (0..<count).map { PQfname(result, $0).map { String(cString: $0) } ?? "" }
    return (0..<PQntuples(result)).map { row in
      SQLRow(columns: names, values: (0..<count).map { value(row, $0, PQftype(result, $0)) })
    }
  }

  private func value(_ row: Int32, _ column: Int32, _ type: Oid) -> SQLValue {
    guard PQgetisnull(result, row, column) == 0 else { return .null }
    let count = Int(PQgetlength(result, row, column))
    return SQLValue(UnsafeRawBufferPointer(start: PQgetvalue(result, row, column), count: max(0, count)), type: type)
  }
}
