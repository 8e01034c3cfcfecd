import Foundation
import Testing

@testable import LicenseCenter

@Suite(.onEveryEngine) struct DatabaseTests {
  /// A database with a table, which goes with the value.
  private final class Scratch {
    let home: ScratchDatabase
    var database: any Database { home.database }

    init() async throws {
      home = try await ScratchDatabase()
      let dialect = home.database.dialect
      _ = try await database.write { try $0.run("CREATE TABLE t (a \(dialect.integer), b TEXT, c \(dialect.blob))") }
    }
  }

  /// `$2` before `$1`, and one of them twice: numbers decide, as in PostgreSQL.
  @Test func parametersGoByNumber() async throws {
    let scratch = try await Scratch()
    let rows = try await scratch.database.write { transaction in
      try transaction.run(
        "INSERT INTO t (b, a, c) VALUES ($2, $1, $3) RETURNING a, b, c, $2 AS again", [5, "five", .blob([0, 1])])
    }
    #expect(rows == [SQLRow(["a": 5, "b": "five", "c": .blob([0, 1]), "again": "five"])])
  }

  @Test func valuesKeepTheirTypes() async throws {
    let scratch = try await Scratch()
    let row = try await scratch.database.write { transaction in
      try transaction.run(
        "INSERT INTO t (a, b, c) VALUES ($1, $2, $3) RETURNING *", [.integer(.min), .null, .blob([])]
      ).first
    }
    #expect(row?["a"] == .integer(.min) && row?["b"] == .null && row?["c"] == .blob([]))
    #expect(throws: CenterError.self) { try row?.text("a") }
    #expect(throws: CenterError.self) { try row?.integer("missing") }
    #expect(throws: CenterError.self) { try row?.number("a", as: UInt8.self) }
  }

  @Test func failedTransactionLeavesNothing() async throws {
    struct Stop: Error {}
    let scratch = try await Scratch()
    await expectFailure(.storage) {
      try await scratch.database.write { transaction in
        try transaction.run("INSERT INTO t (a) VALUES (1)")
        throw Stop()
      }
    }
    #expect(try await scratch.database.read { try $0.run("SELECT * FROM t") }.isEmpty)
  }

  @Test func readsCannotWrite() async throws {
    let scratch = try await Scratch()
    await expectFailure(.storage) {
      _ = try await scratch.database.read { try $0.run("INSERT INTO t (a) VALUES (1)") }
    }
  }

  @Test func commitsAreDurableAndKeysAreEnforced() async throws {
    let scratch = try await Scratch()
    await expectFailure(.storage) {
      _ = try await scratch.database.write { transaction in
        try transaction.run(
          "INSERT INTO card_certificates (card, role, public_key, certificate) VALUES ($1, 'r', $1, $1)", [.blob([1])])
      }
    }
    guard scratch.home.room.engine == .sqlite else {
      let row = try await scratch.database.write { transaction in
        try transaction.first("SELECT current_setting('synchronous_commit') AS durable")
      }
      #expect(row?["durable"] == "on")
      return
    }
    let settings = try await scratch.database.write { transaction in
      try ["synchronous", "journal_mode", "foreign_keys", "secure_delete"].map { name in
        try transaction.first("PRAGMA \(name)")?[name]
      }
    }
    #expect(settings == [2, "wal", 1, 1])
    for suffix in ["", "-wal", "-shm"] {
      let attributes = try FileManager.default.attributesOfItem(atPath: scratch.home.room.path + suffix)
      #expect(attributes[.posixPermissions] as? Int == 0o600, "\(suffix)")
    }
  }

  /// What is in the file alone after the database was closed is all of it, though somebody read meanwhile.
  @Test func closingFoldsTheLogOfAFile() async throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "warifu-closed-\(UUID().uuidString)").path
    defer { for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) } }
    let database = try await SQLiteDatabase(path: path)
    _ = try await database.write { try $0.nextNumber(of: "test") }
    #expect(try await database.read { try $0.run("SELECT value FROM counters") }.count == 1)
    try database.close()
    try database.close()
    let log = try? FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int
    #expect(log ?? 0 == 0)
    for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
    let again = try await SQLiteDatabase(path: path)
    #expect(try await again.read { try $0.run("SELECT value FROM counters") } == [SQLRow(["value": 1])])
    try again.close()
  }

  @Test func numbersCountUpWithoutGapsUnderContention() async throws {
    let scratch = try await Scratch()
    let database = scratch.database
    let numbers = try await withThrowingTaskGroup(of: Int64.self) { group in
      for _ in 0..<50 { group.addTask { try await database.write { try $0.nextNumber(of: "test") } } }
      return try await group.reduce(into: Set<Int64>()) { $0.insert($1) }
    }
    #expect(numbers == Set(1...50))
  }

  @Test func newerSchemaIsRefused() async throws {
    let scratch = try await Scratch()
    _ = try await scratch.database.write { try $0.run("UPDATE schema_version SET version = 99") }
    await expectFailure(.storage) { _ = try await scratch.home.room.open() }
  }

  @Test func foreignFileIsRefused() async throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "warifu-noise-\(UUID().uuidString)").path
    defer { for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) } }
    try Data(repeating: 0x5A, count: 10_000).write(to: URL(filePath: path))
    await expectFailure(.storage) { _ = try await SQLiteDatabase(path: path) }
  }

  /// PostgreSQL has none of these.
  @Test func statementsArePortable() throws {
    let sources = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../Sources/Center/LicenseCenter").standardizedFileURL
    let files = try #require(FileManager.default.enumerator(atPath: sources.path)).compactMap { $0 as? String }
    for file in files where file.hasSuffix(".swift") && !file.hasSuffix("SQLiteDatabase.swift") {
      let text = try String(contentsOf: sources.appending(path: file), encoding: .utf8)
      for word in ["INSERT OR ", "AUTOINCREMENT", "last_insert_rowid", "PRAGMA", "VALUES (?", "rowid", "GLOB "] {
        #expect(!text.contains(word), "\(word) in \(file)")
      }
    }
  }
}
