import Foundation
import Octets

/// One line of a script that does something.
struct ScriptStep: Sendable {
  /// What it does.
  enum Action: Sendable {
    /// Resets the card.
    case reset
    /// Sends octets as they stand.
    case command([UInt8])
  }

  /// Where it stands, as people are told it.
  let place: String
  let action: Action
  /// What must be answered; `nil` for anything.
  var expected: ResponsePattern?
}

/// The script language (docs/apdu-scripts.md): a command on each line, and what it must be answered.
///
/// Scripts of other programs work as they are: digits joined or apart, with colons or `0x`; what `scriptor` reads and
/// prints; the `apdu` command of opensc-explorer.
struct APDUScriptText {
  private static let sizeLimit = 4 << 20
  private static let totalLimit = 16 << 20
  private static let fileLimit = 256
  private static let stepLimit = 100_000
  private static let depthLimit = 8

  private(set) var steps: [ScriptStep] = []
  private var isOver = false
  /// Files that were read, each as often as it is included, and their octets: files of includes alone have no steps that
  /// would limit them.
  private var files = 0, octets = 0

  /// Reads a script and whatever it includes.
  init(readingFrom path: String) throws { try read(path, within: []) }

  private mutating func include(_ path: String, _ place: String, within above: [String]) throws {
    guard above.count < APDUScriptText.depthLimit, !above.contains(path) else {
      throw APDUScriptText.wrong(place, "\(path) is included by itself, or too deep; take an include line out")
    }
    guard files < APDUScriptText.fileLimit else {
      throw APDUScriptText.wrong(place, "more than \(APDUScriptText.fileLimit) files are included")
    }
    try read(path, within: above)
    guard octets <= APDUScriptText.totalLimit else {
      throw APDUScriptText.wrong(
        place, "with what is included, the script is longer than \(Words.size(UInt64(APDUScriptText.totalLimit)))")
    }
  }

  private mutating func read(_ path: String, within above: [String]) throws {
    let text = try SmallFile.read(path, limit: APDUScriptText.sizeLimit, what: "script")
    files += 1
    octets += text.count
    // Whoever includes it knows the line.
    guard octets <= APDUScriptText.totalLimit else { return }
    let name = path == "-" ? "standard input" : path
    for (number, line) in APDUScriptText.lines(String(decoding: text, as: UTF8.self)) {
      if isOver { return }
      try take(line, "\(name), line \(number)", path, above)
    }
  }

  /// Lines without comments, with those behind a backslash joined; each with the number of its first part.
  private static func lines(_ text: String) -> [(number: Int, text: String)] {
    var lines: [(Int, String)] = []
    var joined = ""
    var first: Int?
    for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      var line = withoutComment(raw).trimmingCharacters(in: .whitespaces)
      let goesOn = line.hasSuffix("\\")
      if goesOn { line.removeLast() }
      let number = first ?? index + 1
      if !joined.isEmpty { joined += " " }
      joined += line
      first = number
      if !goesOn {
        if !joined.trimmingCharacters(in: .whitespaces).isEmpty { lines.append((number, joined)) }
        (joined, first) = ("", nil)
      }
    }
    if let first { lines.append((first, joined)) }
    return lines
  }

  private static func withoutComment(_ line: Substring) -> Substring {
    var end = line.endIndex
    for mark in ["#", ";", "//"] {
      if let range = line.range(of: mark), range.lowerBound < end { end = range.lowerBound }
    }
    // \r\n is one character: a line that ends so has lost only its \n.
    return line[..<end]
  }

  private mutating func take(_ line: String, _ place: String, _ path: String, _ above: [String]) throws {
    let words = line.split(maxSplits: 1, whereSeparator: \.isWhitespace)
    let rest = words.count > 1 ? String(words[1]).trimmingCharacters(in: .whitespaces) : ""
    switch words.first.map({ $0.lowercased() }) ?? "" {
    case "include":
      guard !rest.isEmpty else { throw APDUScriptText.wrong(place, "include wants a file") }
      let folder = (path as NSString).deletingLastPathComponent
      try include(
        rest.hasPrefix("/") || folder.isEmpty ? rest : folder + "/" + rest, place, within: above + [path])
    case "exit", "quit": isOver = true
    case "<": try expect(rest, place)
    case ">", "apdu", "send", "/send": try command(rest, place)
    case let word where word == "reset" || word.hasPrefix("reset="):
      try add(.reset, expected: line.dropFirst("reset".count).trimmingCharacters(in: .whitespaces), place)
    case let word where word.hasPrefix("<"): try expect(String(line.dropFirst()), place)
    case let word where word.hasPrefix(">"): try command(String(line.dropFirst()), place)
    default: try command(line, place)
    }
  }

  /// A line such as `scriptor` prints: the answer, and perhaps its meaning behind a colon that stands alone.
  private mutating func expect(_ text: String, _ place: String) throws {
    guard let last = steps.indices.last, steps[last].expected == nil else {
      throw APDUScriptText.wrong(place, "there is no command before it whose answer this could be")
    }
    let answer = text.range(of: " : ").map { String(text[..<$0.lowerBound]) } ?? text
    guard let pattern = ResponsePattern(answer.trimmingCharacters(in: .whitespaces)) else {
      throw APDUScriptText.wrong(place, "the answer is no pattern")
    }
    steps[last].expected = pattern
  }

  private mutating func command(_ text: String, _ place: String) throws {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let digits = (parts.first ?? "").replacing("0x", with: "").replacing("0X", with: "")
      .filter { !$0.isWhitespace && $0 != ":" && $0 != "," }
    // It is not repeated: it may hold a PIN.
    guard let octets = Hex.decode(digits), octets.count >= 4 else {
      throw APDUScriptText.wrong(place, "that is no command: CLA INS P1 P2 are wanted, and then Lc, data and Le")
    }
    try add(.command(octets), expected: parts.count > 1 ? "=" + parts[1] : "", place)
  }

  private mutating func add(_ action: ScriptStep.Action, expected: String, _ place: String) throws {
    guard steps.count < APDUScriptText.stepLimit else {
      throw APDUScriptText.wrong(place, "there are more than \(APDUScriptText.stepLimit) commands")
    }
    var step = ScriptStep(place: place, action: action)
    if !expected.isEmpty {
      guard expected.hasPrefix("="), let pattern = ResponsePattern(expected.dropFirst()) else {
        throw APDUScriptText.wrong(place, "the answer that is wanted is no pattern")
      }
      step.expected = pattern
    }
    steps.append(step)
  }

  private static func wrong(_ place: String, _ reason: String) -> Failure {
    Failure(.badInput, place, remedy: reason)
  }
}
