import CLinux
import Foundation
import GRDB

/// The database in one file, through GRDB: write-ahead log, every commit synced to the disk before it is answered,
/// foreign keys enforced, freed pages overwritten, file mode 0600.
public struct SQLiteDatabase: Database {
  private let pool: DatabasePool
  let commits: GroupCommit

  /// SQLite's types.
  public var dialect: SQLDialect { .sqlite }

  /// Opens the file at `path`, making it if it is not there, and brings its schema up to date.
  public init(path: String) async throws(CenterError) { try await self.init(path: path, schema: nil) }

  /// The same, but with the schema only as far as it was once.
  init(path: String, schema: Int?) async throws(CenterError) {
    let operation = "Opening the centre's database"
    let pool: DatabasePool
    do {
      try SQLiteDatabase.makeFile(path)
      pool = try DatabasePool(path: path, configuration: SQLiteDatabase.configuration)
      // GRDB sets NORMAL with the write-ahead log, under which a power cut may undo an answered commit.
      try await pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
    } catch {
      throw CenterError(error, during: operation)
    }
    self.pool = pool
    commits = GroupCommit { work in
      pool.asyncWriteWithoutTransaction { work(SQLiteTransaction(connection: $0)) }
    }
    try await write { try Schema.migrate($0, .sqlite, upTo: schema) }
  }

  /// Runs `body` on a snapshot.
  public func read<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R {
    do {
      return try await pool.read { try body(SQLiteTransaction(connection: $0)) }
    } catch {
      throw CenterError(error, during: "Reading the centre's database")
    }
  }

  /// Runs `body` in an immediate transaction, alone or in company.
  public func write<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R {
    try await commits.write(body)
  }

  /// Folds the log into the file and closes it.
  ///
  /// SQLite itself folds the log when the last connection goes, and GRDB closes the readers last, which may not write.
  public func close() throws(CenterError) {
    do {
      try? pool.writeWithoutTransaction { connection in
        // Closing twice is closing once. Where somebody else reads on, the log stays for them.
        if connection.sqliteConnection != nil { _ = try connection.checkpoint(.truncate) }
      }
      try pool.close()
    } catch {
      throw CenterError(error, during: "Closing the centre's database")
    }
  }

  /// How each connection is set up: what is deleted is overwritten; 32 MiB of pages stay in memory, so that the pages of
  /// look-up values, which are hit by chance, need not be read anew; and the log is folded every 16 MiB.
  package static let settings = """
    PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 4096;
    PRAGMA temp_store = MEMORY
    """

  private static var configuration: Configuration {
    var configuration = Configuration()
    configuration.label = "centre"
    configuration.busyMode = .timeout(10)
    configuration.foreignKeysEnabled = true
    configuration.prepareDatabase { connection in
      try connection.execute(sql: settings)
    }
    return configuration
  }

  /// Makes the file before SQLite would, so that it and its companions are the owner's alone from the first octet on.
  private static func makeFile(_ path: String) throws {
    let descriptor = warifu_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw CenterError(
        .storage, "Opening \(path)", remedy: "The system says: \(String(cString: strerror(errno))).")
    }
    Foundation.close(descriptor)
  }
}
