import Formats
import Octets

/// What stands in a backup before its tables.
struct BackupPreface: Sendable {
  /// The content of `center.json`.
  let facts: CenterFacts
  /// Those of `audit.heads`.
  let heads: [SignedAuditHead]
  /// How many migrations the database had seen.
  let schema: Int

  /// Reads it from the beginning of a backup.
  init(from reader: BackupReader, _ operation: String) throws {
    var facts: CenterFacts?
    var heads: [SignedAuditHead] = []
    while let (kind, content) = try reader.next() {
      switch kind {
      case .facts:
        facts = try CenterFacts(json: content)
      case .heads:
        let line = String(decoding: content, as: UTF8.self)
        guard line.hasSuffix("\n"), let head = SignedAuditHead(line: line.dropLast()) else {
          throw BackupFormat.damaged(operation)
        }
        heads.append(head)
      case .schema:
        schema = Int(clamping: content.reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        guard let facts, schema > 0 else { throw BackupFormat.damaged(operation) }
        (self.facts, self.heads) = (facts, heads)
        return
      case .table, .row, .end:
        throw BackupFormat.damaged(operation)
      }
    }
    throw BackupFormat.damaged(operation)
  }
}

/// The tables of a backup.
enum BackupRows {
  static func fill(
    _ transaction: any Transaction, from reader: BackupReader, _ center: CenterID, schema: Int, _ operation: String
  ) throws -> BackupContents {
    let tables = Set(Schema.tables(upTo: schema).map(\.name))
    var statement: (sql: String, columns: Int)?
    var rows = 0
    while let (kind, content) = try reader.next() {
      switch kind {
      case .table:
        let names = try texts(content)
        guard let table = names.first, tables.contains(table), names.count > 1, names.allSatisfy(isName) else {
          throw BackupFormat.damaged(operation)
        }
        let columns = names.dropFirst()
        let parameters = (1...columns.count).map { "$\($0)" }.joined(separator: ", ")
        statement = (
          "INSERT INTO \(table) (\(columns.joined(separator: ", "))) VALUES (\(parameters))", columns.count
        )
      case .row:
        guard let statement else { throw BackupFormat.damaged(operation) }
        try transaction.run(statement.sql, try values(content, count: statement.columns))
        rows += 1
      case .end:
        let line = String(decoding: content.dropFirst(8), as: UTF8.self)
        guard content.prefix(8).reduce(UInt64(0), { $0 << 8 | UInt64($1) }) == UInt64(rows),
          let head = SignedAuditHead(line: line), try reader.next() == nil
        else { throw BackupFormat.damaged(operation) }
        try head.verify(of: center, reader.keys)
        return BackupContents(centerID: center, head: head, rows: rows)
      case .facts, .heads, .schema: throw BackupFormat.damaged(operation)
      }
    }
    throw BackupFormat.damaged(operation)
  }

  private static func texts(_ content: [UInt8]) throws -> [String] {
    var reader = OctetReader(content.span.bytes)
    var texts: [String] = []
    while !reader.isAtEnd { texts.append(try reader.text()) }
    return texts
  }

  private static func values(_ content: [UInt8], count: Int) throws -> [SQLValue] {
    var reader = OctetReader(content.span.bytes)
    var values: [SQLValue] = []
    for _ in 0..<count { values.append(try reader.value()) }
    try reader.expectEnd()
    return values
  }

  /// Names go into statements as they are.
  private static func isName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
  }
}
