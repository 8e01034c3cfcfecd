import Foundation

/// What `iscsi-test-cu` found: its runner counts a test that skipped itself as passed, so its log is read instead.
public struct ISCSITestReport: Sendable {
  /// How a test ended.
  public enum Outcome: Sendable, Hashable {
    /// It did what it came for.
    case passed
    /// It found that it cannot be done here.
    case skipped
    /// It found something wrong.
    case failed
  }

  /// Every test that began, in order, with what it wrote.
  public let tests: [(name: String, outcome: Outcome, log: String)]

  /// The names of those that ended so.
  public func names(_ outcome: Outcome) -> [String] { tests.filter { $0.outcome == outcome }.map(\.name) }

  /// What the failed ones wrote, for people.
  public var complaints: String {
    tests.filter { $0.outcome == .failed }.map { "\($0.name):\n\($0.log.suffix(600))" }.joined(separator: "\n")
  }

  /// Runs `iscsi-test-cu` against one URL, or two for the same drive.
  ///
  /// - Parameter tests: which: `ALL`, a suite or a test by its family, suite and name.
  /// - Throws: ``RigError`` if the suite did not come to its end.
  public static func run(_ tests: String = "ALL", at urls: [String]) throws -> ISCSITestReport {
    let answer = try ISCSIProgram.run("iscsi-test-cu", ["-d", "-V", "-t", tests] + urls, seconds: 1800)
    guard answer.text.contains("Tests completed with return value") else {
      throw RigError("iscsi-test-cu did not come to its end:\n\(answer.text.suffix(3_000))")
    }
    return ISCSITestReport(parsing: answer.text)
  }

  /// Reads a log.
  public init(parsing text: String) {
    var tests: [(String, Outcome, String)] = []
    var suite = ""
    var name: String?
    var lines: [Substring] = []
    func endTest() {
      guard let name else { return }
      tests.append((name, ISCSITestReport.outcome(lines), lines.joined(separator: "\n")))
    }
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("Suite: ") || line.hasPrefix("  Test: ") || line.hasPrefix("Run Summary:") {
        endTest()
        name = nil
        lines = []
      }
      if line.hasPrefix("Suite: ") {
        suite = line.dropFirst(7).trimmingCharacters(in: .whitespaces)
      } else if line.hasPrefix("  Test: "), let end = line.range(of: " ...") {
        name = "\(suite).\(line[line.index(line.startIndex, offsetBy: 8)..<end.lowerBound])"
        lines.append(line[end.upperBound...])
      } else {
        lines.append(line)
      }
    }
    self.tests = tests.map { (name: $0.0, outcome: $0.1, log: $0.2) }
  }

  /// CUnit ends a test with `passed` or `FAILED`, sometimes behind other text in the line; what follows belongs to the
  /// preparation of the next suite.
  private static func outcome(_ lines: [Substring]) -> Outcome {
    var isSkipped = false
    for line in lines {
      if line.hasPrefix("FAILED") || line.hasSuffix("...FAILED") { return .failed }
      // The test's own words come before `passed` in the line.
      let own = line.components(separatedBy: "passed")[0]
      if own.contains("[SKIPPED]") { isSkipped = true }
      if line.hasPrefix("passed") || (line.contains("passed") && line.contains("[SKIPPED]")) { break }
      if line == "passed" || line.hasSuffix("...passed") { break }
    }
    guard lines.contains(where: { $0.contains("passed") }) else { return .failed }
    return isSkipped ? .skipped : .passed
  }
}
