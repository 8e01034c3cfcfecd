import Foundation
import Testing

extension CommandBench {
  /// The JSON object that a command writes; it must succeed.
  func json(_ arguments: String...) throws -> [String: Any] { try json(arguments) }

  /// The same for a list of arguments.
  func json(_ arguments: [String]) throws -> [String: Any] {
    let outcome = try run(arguments + ["--json"])
    try #require(outcome.status == 0, "\(arguments): \(outcome.complaint)")
    return try #require(
      try JSONSerialization.jsonObject(with: outcome.octets) as? [String: Any], "\(arguments): \(outcome.output)")
  }

  /// Runs `warifu` and ends it with SIGKILL as a thread of it enters its `number`-th call of a system function, on one
  /// file or on any.
  ///
  /// - Returns: whether it came so far.
  func killed(at call: String, _ number: Int, of file: String? = nil, _ arguments: [String]) throws -> Bool {
    let files = file.map { ["-P", path($0)] } ?? []
    let outcome = try launch(
      "/usr/bin/env",
      [
        "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=\(call)", "-e",
        "inject=\(call):signal=KILL:when=\(number)",
      ] + files + [CommandBench.executable] + arguments)
    // strace ends as its child did.
    try #require([0, 137].contains(outcome.status), "\(arguments): \(outcome.complaint)")
    return outcome.status == 137
  }
}
