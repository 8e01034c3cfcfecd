/// What went wrong between libpq and the server.
///
/// It keeps no message of the server's: those quote values of columns.
struct PostgreSQLError: Error, Hashable {
  /// The SQLSTATE (PostgreSQL's manual, appendix A), empty where there is none.
  var state: String
  /// Whether the connection is gone.
  var isLineBroken: Bool
  /// Why there is no connection, where none could be had.
  var obstacle: Obstacle?
  /// Why there is no connection, in libpq's words, without a password.
  var reason: String?

  /// What keeps one from a connection.
  enum Obstacle {
    /// The server has no time for one: it starts, it ends, or it was too slow.
    case lackOfTime
    /// The server wants another password.
    case password
    /// There is no such server, or it refuses for a reason of its own.
    case other
  }

  init(state: String = "", isLineBroken: Bool = false) {
    self.state = state
    self.isLineBroken = isLineBroken
  }

  /// There is no connection.
  init(obstacle: Obstacle, reason: String) {
    self.init(isLineBroken: true)
    self.obstacle = obstacle
    self.reason = reason
  }

  /// Whether the same transaction may succeed at once or soon, because it broke through nobody's fault.
  var isRepeatable: Bool {
    switch state {
    // serialization_failure, deadlock_detected, and a plan that another instance's migration has outdated.
    case "40001", "40P01", "0A000": true
    default: isLineBroken
    }
  }

  /// Whether the server, or libpq in its place (that is without a SQLSTATE), says that the connection is over. The library
  /// may notice it itself only at the next call.
  static func endsTheLine(_ state: String) -> Bool {
    // Connection exceptions, and ends by an administrator, a crash, a server that starts or stops, and timeouts.
    state.isEmpty || state.hasPrefix("08") || ["57P01", "57P02", cannotConnectNow, "57P05", "25P03"].contains(state)
  }

  /// The SQLSTATE of a server that starts or ends.
  static let cannotConnectNow = "57P03"

  var remedy: String {
    if let reason { return "The database cannot be reached: \(reason)" }
    if isLineBroken { return "Nothing was changed. The database went away; see whether it runs, then try again." }
    return switch state {
    case "55P03": "Nothing was changed. Another instance keeps the database busy; try again."
    case "53100": "Nothing was changed. The database's disk is full; make room and try again."
    case "42501": "The database's user may not do that; make it the owner of its schema."
    case "42P01", "42703": "The database is not the centre's, or another program's version of it; name the right one."
    case "": "Nothing was changed. The database gave no answer that can be read; look into its log."
    default: "Nothing was changed. The database refused with SQLSTATE \(state); look into its log."
    }
  }
}
