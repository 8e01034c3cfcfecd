import Foundation
import ISO7816
import Testing

/// The tables of `docs/status-words.md` that say which status word ends which command in which state of the card.
///
/// The document is the source: what it says is what ``StatusWordTableTests`` asks of a card.
struct StatusWordTable {
  /// A row of the document.
  struct Row: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// The state, commands in order, and the words that end them.
    let cases: [Case]
  }

  /// A card in a state, and what it must answer.
  struct Case: Sendable {
    let state: CardState
    let commands: [Command]
    let words: [String]
  }

  /// One command as the document spells it.
  struct Command: Sendable {
    /// Octets of the command.
    let octets: [UInt8]
    /// Whether it goes to the card as it is, even where a session is open: written with a `!` in front.
    let isRaw: Bool
  }

  /// One command in every state.
  let matrix: [Row]
  /// Every refusal that the matrix does not show.
  let refusals: [Row]
  /// How many rows the document says that each table has.
  let promisedRows: [Int]
  /// What the document's list of status words names, hexadecimal, with small letters for digits that vary.
  let explained: Set<String>

  /// The document as it is beside these tests; a malformed one has no table.
  static let document = Result { try StatusWordTable(reading: try text()) }

  private static func text() throws -> String {
    let file = URL(fileURLWithPath: #filePath)
    let root = (0..<4).reduce(file) { folder, _ in folder.deletingLastPathComponent() }
    return try String(contentsOf: root.appending(path: "docs/status-words.md"), encoding: .utf8)
  }

  private init(reading text: String) throws {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let matrixLines = try Self.table(under: "## Every command in every state", lines)
    let refusalLines = try Self.table(under: "## Refusals", lines)
    let head = try #require(matrixLines.first)
    let states = try head[2...].map { try #require(CardState(rawValue: $0), "no such state: \($0)") }
    matrix = try matrixLines.dropFirst().map { cells in
      try #require(cells.count == head.count, "a row of \(cells.count) cells: \(cells)")
      let commands = try Self.commands(cells[1])
      return Row(
        testDescription: cells[0],
        cases: zip(states, cells[2...]).map { Case(state: $0, commands: commands, words: [$1]) })
    }
    refusals = try refusalLines.dropFirst().map { cells in
      try #require(cells.count == 4, "a row of \(cells.count) cells: \(cells)")
      let state = try #require(CardState(rawValue: cells[1]), "no such state: \(cells[1])")
      let words = cells[3].split(separator: " ").map(String.init)
      let commands = try Self.commands(cells[2])
      try #require(commands.count == words.count, "\(cells)")
      return Row(
        testDescription: "\(cells[0]), \(cells[1])", cases: [Case(state: state, commands: commands, words: words)])
    }
    promisedRows = lines.compactMap { $0.hasPrefix("Rows: ") ? Int($0.dropFirst(6).prefix { $0.isNumber }) : nil }
    explained = Set(
      try Self.table(under: "## What each word means", lines).dropFirst().flatMap { cells in
        cells[0].split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
      })
  }

  /// The first table behind a heading, its head first, without the line under it.
  private static func table(under heading: String, _ lines: [String]) throws -> [[String]] {
    let start = try #require(lines.firstIndex(of: heading), "no heading \(heading)")
    let rows = lines[start...].drop { !$0.hasPrefix("|") }.prefix { $0.hasPrefix("|") }
    return rows.filter { !$0.hasPrefix("| ---") }.map { row in
      row.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false)
        .map { $0.trimmingCharacters(in: .whitespaces).replacing("`", with: "") }
    }
  }

  /// Commands between semicolons, each of hexadecimal groups; `01*32` stands for thirty-two octets 01.
  private static func commands(_ text: String) throws -> [Command] {
    try text.split(separator: ";").map { part in
      let groups = part.split(separator: " ")
      let isRaw = groups.first == "!"
      return Command(octets: try groups.drop { $0 == "!" }.flatMap(octets), isRaw: isRaw)
    }
  }

  private static func octets(_ group: Substring) throws -> [UInt8] {
    let parts = group.split(separator: "*")
    let count = parts.count == 2 ? try #require(Int(parts[1])) : 1
    let digits = Array(parts[0])
    try #require(digits.count.isMultiple(of: 2), "half an octet: \(group)")
    let octets = try stride(from: 0, to: digits.count, by: 2).map { index in
      try #require(UInt8(String(digits[index...(index + 1)]), radix: 16), "no octet: \(group)")
    }
    return (0..<count).flatMap { _ in octets }
  }
}
