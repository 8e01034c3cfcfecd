import Cryptography
import Formats

/// What a backup has in it.
public struct BackupContents: Hashable, Sendable {
  /// The centre whose it is.
  public var centerID: CenterID
  /// The audit log's last record in it, and when it was signed.
  public var head: SignedAuditHead
  /// Rows of all tables.
  public var rows: Int
}

extension Center {
  /// Writes all of the centre, as it is at one moment, into one sealed file. Work goes on meanwhile; all that was answered
  /// before this was called is in it.
  ///
  /// - Parameter path: where nothing may be yet.
  /// - Throws: ``CenterError/Code/conflict`` for a centre without a folder; ``CenterError/Code/storage``.
  public func backUp(to path: String) async throws(CenterError) -> BackupContents {
    let operation = "Backing the centre up to \(path)"
    guard let folder = context.custody?.folder else {
      throw CenterError(.conflict, operation, remedy: "Open the centre from its folder.")
    }
    // Older than the snapshot, so that none of them is ahead of it.
    let heads = try signedHeads()
    let context = context
    let contents = try await context.database.read { transaction in
      // The snapshot is taken with this; and whoever rotates keys meanwhile only adds to those that it needs.
      let schema = try Schema.version(transaction)
      let facts = try folder.facts()
      let box = try FolderConstruction.read(folder.file(.keys), operation)
      let version = try context.keys.currentVersion(of: .backup)
      let writer = try context.keys.withKey(.backup, version: version) { key in
        try BackupWriter(path: path, box: box, keyVersion: version, key: key, random: context.random, operation)
      }
      try writer.append(.facts, try facts.json())
      for head in heads { try writer.append(.heads, Array((head.line + "\n").utf8)) }
      try writer.append(.schema, bigEndian(UInt64(schema)))
      var rows = 0
      for table in Schema.tables(upTo: schema) { rows += try Center.copy(table, transaction, to: writer) }
      let head = try SignedAuditHead.sign(
        try AuditLog.head(transaction), at: context.clock.now(), of: facts.centerID, context.keys)
      try writer.append(.end, bigEndian(UInt64(rows)) + Array(head.line.utf8))
      try writer.finish()
      return BackupContents(centerID: facts.centerID, head: head, rows: rows)
    }
    try await context.database.write { transaction in
      try AuditLog.append(
        transaction, at: context.clock.now(), "center.backup", subject: contents.centerID,
        detail: "up to record \(contents.head.head.sequence)")
    }
    return contents
  }

  /// Copies a table's rows, a few at a time, and answers how many they were.
  private static func copy(
    _ table: Schema.Table, _ transaction: any Transaction, to writer: BackupWriter
  ) throws -> Int {
    guard !table.key.isEmpty else {
      throw CenterError(.storage, "Copying the table \(table.name)", remedy: "It has no key; report this.")
    }
    let key = table.key.joined(separator: ", ")
    let parameters = table.key.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
    var columns: [String]?
    var last: [SQLValue] = []
    var rows = 0
    while true {
      let condition = last.isEmpty ? "" : "WHERE (\(key)) > (\(parameters))"
      let page = try transaction.run("SELECT * FROM \(table.name) \(condition) ORDER BY \(key) LIMIT 500", last)
      guard let end = page.last else { return rows }
      if columns == nil {
        let names = end.columns.sorted()
        columns = names
        var content: [UInt8] = []
        for text in [table.name] + names { content.appendText(text) }
        try writer.append(.table, content)
      }
      for row in page {
        var content: [UInt8] = []
        for column in columns ?? [] { content.appendValue(row[column] ?? .null) }
        try writer.append(.row, content)
      }
      rows += page.count
      last = table.key.map { end[$0] ?? .null }
    }
  }
}
