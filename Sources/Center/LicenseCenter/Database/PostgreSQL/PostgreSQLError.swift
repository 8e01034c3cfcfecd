/// What went wrong between libpq and the server.
///
/// It keeps no message of the server's: those quote values of columns.
struct PostgreSQLError: Error, Hashable {
  /// The SQLSTATE (PostgreSQL's manual, appendix A), empty where there is none.
  var state: String
  /// Whether the connection is gone.
  var isLineBroken: Bool
  /// Whether there is no connection because the server has no time for one: it starts, it ends, or it was too slow.
  var isBusy: Bool
  /// Why there is no connection, in libpq's words, without a password.
  var reason: String?

  init(state: String = "", isLineBroken: Bool = false, isBusy: Bool = false, reason: String? = nil) {
    self.state = state
    self.isLineBroken = isLineBroken
    self.isBusy = isBusy
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

  /// The same for whoever connects for the first time: what is refused at once may have a wrong address, and stays so.
  var isRepeatableAtFirst: Bool { isRepeatable && (reason == nil || isBusy) }

  /// Whether the server, or libpq in its place (that is without a SQLSTATE), says that the connection is over. The library
  /// may notice it itself only at the next call.
  static func endsTheLine(_ state: String) -> Bool {
    // Connection exceptions, and ends by an administrator, a crash, a server that starts or stops, and timeouts.
    state.isEmpty || state.hasPrefix("08") || ["57P01", "57P02", "57P03", "57P05", "25P03"].contains(state)
  }

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
