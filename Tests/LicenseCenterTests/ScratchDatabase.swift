import Foundation
import PostgresRig
import Testing

@testable import LicenseCenter

/// What keeps the rows of a centre under test.
enum Engine: String, CaseIterable {
  case sqlite = "SQLite"
  case postgreSQL = "PostgreSQL"

  /// The one that the running test is on.
  @TaskLocal static var current = Engine.sqlite
}

/// Runs each test of a suite once on every engine, and says of each issue on which.
struct EveryEngine: SuiteTrait, TestTrait, TestScoping {
  var isRecursive: Bool { true }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    for engine in Engine.allCases {
      let naming = IssueHandlingTrait.compactMapIssues { issue in
        var issue = issue
        issue.comments.append("on \(engine.rawValue)")
        return issue
      }
      try await naming.provideScope(for: test, testCase: testCase) {
        try await Engine.$current.withValue(engine) { try await function() }
      }
    }
  }
}

extension Trait where Self == EveryEngine {
  /// On every engine.
  static var onEveryEngine: Self { Self() }
}

/// Room for a database of its own on the current engine, which goes with the value.
final class ScratchLocation: Sendable {
  let location: DatabaseLocation
  let engine: Engine
  /// The file, for SQLite.
  let path: String
  /// The database's name on the private server.
  let name: String?

  init() throws {
    engine = Engine.current
    path = FileManager.default.temporaryDirectory.appending(path: "warifu-database-\(UUID().uuidString)").path
    switch engine {
    case .sqlite:
      (location, name) = (.file, nil)
    case .postgreSQL:
      let server = try PrivatePostgres.shared()
      let made = try server.makeDatabase()
      (location, name) = (.server(try PostgreSQLAddress(server.url(of: made))), made)
    }
  }

  /// Another handle on the same database, as another program has one.
  func open() async throws -> any Database { try await location.open(file: path) }

  deinit {
    for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
    if let name { try? PrivatePostgres.shared().dropDatabase(name) }
  }
}

/// A database of its own on the current engine.
final class ScratchDatabase: Sendable {
  let room: ScratchLocation
  let database: any Database

  init() async throws {
    room = try ScratchLocation()
    database = try await room.open()
  }

  /// How many changes wait for the writer.
  var waitingCount: Int { database.waitingCount }

  deinit { try? database.close() }
}

extension Database {
  /// How many changes wait for the writer.
  var waitingCount: Int {
    switch self {
    case let witnessed as WitnessedDatabase: witnessed.base.waitingCount
    case let file as SQLiteDatabase: file.commits.waitingCount
    case let server as PostgreSQLDatabase: server.commits.waitingCount
    default: 0
    }
  }
}
