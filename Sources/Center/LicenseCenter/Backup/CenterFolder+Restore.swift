import CLinux
import Cryptography
import Formats
import Foundation
import Octets
import SecureChannel

extension CenterFolder {
  /// Makes a centre's folder from a backup, which is checked as a whole first: every octet is authentic, the ledger
  /// balances, and the audit log is what the centre signed.
  ///
  /// - Parameters:
  ///   - path: where the folder is to be.
  ///   - isReplacing: whether a centre at `path` makes place, all at once; it is kept beside, under its name and
  ///     `.replaced-` with the time. Nothing may have it open.
  ///   - passphrase: the one that the centre had when the backup was made.
  /// - Returns: what was restored, and the folder that was replaced.
  /// - Throws: ``CenterError/Code/damaged`` for a backup that is not what a centre wrote; nothing is replaced then.
  ///   ``CenterError/Code/conflict`` when there is something at `path`.
  public static func restore(
    _ backup: String, to path: String, replacing isReplacing: Bool = false, passphrase: borrowing Secret,
    random: any RandomSource, clock: any CenterClock
  ) async throws(CenterError) -> (contents: BackupContents, replaced: String?) {
    let operation = "Restoring the centre from \(backup)"
    var target = URL(fileURLWithPath: path).path
    let isThere = isReplacing && FileManager.default.fileExists(atPath: target)
    if isThere { target += ".restored" }
    let construction = try FolderConstruction(target: target, operation: operation)
    let contents: BackupContents
    do {
      contents = try await rebuild(backup, in: construction, passphrase, random, clock, notes: true, operation)
      try construction.finish()
    } catch {
      construction.abandon()
      throw CenterError(error, during: operation)
    }
    guard isThere else { return (contents, nil) }
    return (contents, try replace(URL(fileURLWithPath: path).path, by: target, at: clock.now(), operation))
  }

  /// Checks a backup as ``restore(_:to:replacing:passphrase:random:clock:)`` does, and makes nothing of it.
  ///
  /// - Parameter scratch: a folder in which there is room for the whole centre.
  public static func checkBackup(
    _ backup: String, scratch: String, passphrase: borrowing Secret, random: any RandomSource, clock: any CenterClock
  ) async throws(CenterError) -> BackupContents {
    let operation = "Checking the backup \(backup)"
    let name = "/backup-check-\(Hex.encode(random.octets(8)))"
    let construction = try FolderConstruction(target: scratch + name, operation: operation)
    defer { construction.abandon() }
    do {
      return try await rebuild(backup, in: construction, passphrase, random, clock, notes: false, operation)
    } catch {
      throw CenterError(error, during: operation)
    }
  }

  /// Makes the folder's files, opens the centre in it, and has it check itself.
  private static func rebuild(
    _ backup: String, in construction: FolderConstruction, _ passphrase: borrowing Secret, _ random: any RandomSource,
    _ clock: any CenterClock, notes: Bool, _ operation: String
  ) async throws -> BackupContents {
    let reader = try BackupReader(path: backup, passphrase: passphrase, operation)
    var facts: CenterFacts?
    var lines: [UInt8] = []
    var schema: Int?
    while schema == nil, let record = try reader.next() {
      switch record.kind {
      case .facts: facts = try CenterFacts(json: record.content)
      case .heads: lines += record.content
      case .schema: schema = Int(clamping: record.content.reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
      case .table, .row, .end: throw BackupFormat.damaged(operation)
      }
    }
    guard let facts, let schema, schema > 0 else { throw BackupFormat.damaged(operation) }
    let database = try await SQLiteDatabase(path: construction.path(of: FileName.database.rawValue), schema: schema)
    let contents = try await database.write { transaction in
      try BackupRows.fill(transaction, from: reader, facts.centerID, schema: schema, operation)
    }
    try database.close()
    try construction.write(reader.box, to: FileName.keys.rawValue)
    try construction.write(try facts.json(), to: FileName.facts.rawValue)
    try construction.write(lines + Array((contents.head.line + "\n").utf8), to: FileName.heads.rawValue)

    let center = try await CenterFolder(construction.path(of: "")).open(
      passphrase: passphrase, random: random, clock: clock)
    do {
      guard try await center.verify(against: [contents.head]) == contents.head.head else {
        throw BackupFormat.damaged(operation)
      }
      if notes {
        try await center.context.database.write { transaction in
          try AuditLog.append(
            transaction, at: clock.now(), "center.restore", subject: facts.centerID,
            detail: "up to record \(contents.head.head.sequence)")
        }
      }
    } catch {
      try? center.close()
      throw error
    }
    try center.close()
    return contents
  }

  /// Puts a finished folder in the place of another, and answers where that is now.
  private static func replace(
    _ path: String, by restored: String, at now: UInt64, _ operation: String
  ) throws(CenterError) -> String {
    let aside = "\(path).replaced-\(now)"
    guard warifu_rename_exchange(restored, path) == 0, warifu_rename_new(restored, aside) == 0 else {
      throw CenterError(
        .storage, operation,
        remedy: "The system says: \(String(cString: strerror(errno))). The restored centre is whole; move it yourself.")
    }
    return aside
  }
}

/// The tables of a backup.
private enum BackupRows {
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
