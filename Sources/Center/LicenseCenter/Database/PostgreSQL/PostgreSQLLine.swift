import Foundation

/// A connection that is made when it is needed, and made anew when it broke. It has one holder at a time.
final class PostgreSQLLine: @unchecked Sendable {
  private let address: PostgreSQLAddress
  /// What every new session is told.
  private let settings: String?
  private var connection: PostgreSQLConnection?
  private var isClosed = false
  /// Connections that broke or could not be had since the last that did.
  private var failures = 0

  init(_ address: PostgreSQLAddress, settings: String? = nil) {
    self.address = address
    self.settings = settings
  }

  /// The connection. After failures it takes its time, ever longer up to a second, before it tries once more.
  ///
  /// - Parameter asksWhy: Whether the error is to name the obstacle, which costs the server some more.
  func connected(asksWhy: Bool = false) throws -> PostgreSQLConnection {
    if let connection, !connection.isBroken { return connection }
    guard !isClosed else {
      throw CenterError(.storage, "Using the centre's database", remedy: "It is closed; open the centre again.")
    }
    connection = nil
    if failures > 0 { Thread.sleep(forTimeInterval: min(0.01 * pow(2, Double(failures - 1)), 1)) }
    failures += 1
    let made = try PostgreSQLConnection(address, asksWhy: asksWhy)
    if let settings { try made.control(settings) }
    connection = made
    return made
  }

  /// Notes that the server answers: the next failure is a first one.
  func works() { failures = 0 }

  /// The connection that there is, whole or not.
  var current: PostgreSQLConnection? { connection }

  func close() {
    isClosed = true
    connection = nil
  }
}
