/// What the command line asks for.
struct Options {
  /// Short rounds, for a first look.
  private(set) var isQuick = false
  private(set) var wantsJSON = false
  private(set) var wantsList = false
  private(set) var wantsHelp = false
  /// Part of the names of the benchmarks to run.
  private(set) var filter: String?

  static let help = """
    Usage: warifu-bench [--quick] [--json] [--list] [--filter NAME]

    Prints one line a figure: ours, the reference measured in the same run, and ours divided by it.

      --quick         short rounds: a first look
      --json          one JSON object instead of the table
      --list          name the benchmarks, run none
      --filter NAME   only those with NAME in their name

    Example: warifu-bench --filter card --json
    """

  init(_ arguments: [String]) throws(UsageError) {
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      switch argument {
      case "--quick": isQuick = true
      case "--json": wantsJSON = true
      case "--list": wantsList = true
      case "--help", "-h": wantsHelp = true
      case "--filter":
        guard let name = rest.popFirst() else { throw UsageError("--filter wants a name; see --help.") }
        filter = name
      default: throw UsageError("'\(argument)' is unknown; see --help.")
      }
    }
  }

  /// Whether a benchmark of this name is to run.
  func matches(_ name: String) -> Bool {
    guard let filter else { return true }
    return name.lowercased().contains(filter.lowercased())
  }
}

/// A command line that makes no sense.
struct UsageError: Error {
  let message: String

  init(_ message: String) { self.message = message }
}
