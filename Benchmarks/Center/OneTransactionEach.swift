import GRDB
import LicenseCenter
import Synchronization

/// The reference for shared commits: a handle on the centre's file that gives each change a transaction and a commit of
/// its own, over so many connections.
///
/// It runs statements by the same code as the centre does, on connections that are set up alike.
final class OneTransactionEach: LicenseCenter.Database {
  private let connections: [DatabaseQueue]
  private let next = Atomic(0)

  /// - Parameter path: a database that the centre has made.
  init(path: String, connections: Int) throws {
    var configuration = Configuration()
    configuration.busyMode = .timeout(60)
    configuration.foreignKeysEnabled = true
    configuration.prepareDatabase { connection in
      try connection.execute(sql: SQLiteDatabase.settings + "; PRAGMA synchronous = FULL")
    }
    self.connections = try (0..<connections).map { _ in try DatabaseQueue(path: path, configuration: configuration) }
  }

  var dialect: SQLDialect { .sqlite }

  func read<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R {
    try await write(body)
  }

  func write<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R {
    let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
    do {
      return try await connections[number % connections.count].writeWithoutTransaction { connection in
        var answer: Result<R, any Error>?
        try connection.inTransaction(.immediate) {
          answer = .success(try body(SQLiteTransaction(connection: connection)))
          return .commit
        }
        guard let answer else { throw MeasurementError("A transaction did nothing.") }
        return try answer.get()
      }
    } catch {
      throw CenterError(.storage, "Measuring", remedy: "\(error)")
    }
  }

  /// Runs statements that are not measured.
  func run(_ statements: [String]) throws {
    try connections[0].write { connection in
      for statement in statements { try connection.execute(sql: statement) }
    }
  }

  func close() throws(CenterError) {
    do {
      for connection in connections { try connection.close() }
    } catch {
      throw CenterError(.storage, "Measuring", remedy: "\(error)")
    }
  }
}
