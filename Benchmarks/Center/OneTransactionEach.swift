import Foundation
import GRDB

/// The reference for shared commits: the same statements and rows in the same kind of file, each redemption in a
/// transaction of its own, over so many connections.
final class OneTransactionEach: Sendable {
  private let connections: [DatabaseQueue]

  /// - Parameter path: a database that the centre has made.
  init(path: String, connections: Int) throws {
    var configuration = Configuration()
    configuration.busyMode = .timeout(60)
    configuration.foreignKeysEnabled = true
    configuration.prepareDatabase { connection in
      try connection.execute(sql: "PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF; PRAGMA synchronous = FULL")
    }
    self.connections = try (0..<connections).map { _ in try DatabaseQueue(path: path, configuration: configuration) }
  }

  func redeem(_ number: Int) async throws {
    try await connections[number % connections.count].writeWithoutTransaction { database in
      try database.inTransaction(.immediate) {
        guard let code = try row(database, RedemptionBooks.find, [Data(RedemptionBooks.lookup(number))]),
          let last = try row(database, RedemptionBooks.head, []), let id: Int64 = code["id"],
          let sequence: Int64 = last["sequence"], let previous: Data = last["hash"]
        else { throw MeasurementError("There is no code \(number).") }
        try run(database, RedemptionBooks.take, [id])
        try run(
          database, RedemptionBooks.note,
          [sequence + 1, 0, "\(id)", previous, Data(RedemptionBooks.hash(after: Array(previous)))])
        return .commit
      }
    }
  }
}

private func row(
  _ database: Database, _ sql: String, _ values: [any DatabaseValueConvertible]
) throws -> Row? {
  try Row.fetchOne(try database.cachedStatement(sql: sql), arguments: numbered(values))
}

private func run(_ database: Database, _ sql: String, _ values: [any DatabaseValueConvertible]) throws {
  try database.cachedStatement(sql: sql).execute(arguments: numbered(values))
}

private func numbered(_ values: [any DatabaseValueConvertible]) -> StatementArguments {
  StatementArguments(
    Dictionary(uniqueKeysWithValues: values.enumerated().map { (String($0.offset + 1), $0.element) }))
}
