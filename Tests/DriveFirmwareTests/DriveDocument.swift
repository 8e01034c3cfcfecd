import Foundation
import Octets
import SCSI
import Testing

/// The tables of `docs/drive.md`: the drive's commands, and what they end with when they fail.
///
/// The document is the source: what it says is what ``DriveDocumentTests`` asks of a drive.
struct DriveDocument {
  /// A command of the command table.
  struct Command: Hashable {
    let operation: UInt8
    let serviceAction: UInt8?
    let isForDirectAccessOnly: Bool
  }

  /// A row of the sense table.
  struct Row: Sendable, CustomTestStringConvertible {
    let cause: String
    let state: DriveState
    let cdb: [UInt8]
    let data: [UInt8]
    let end: End
    let place: Place?
    var testDescription: String { "\(cause), \(state.rawValue)" }
  }

  /// What a command ends with.
  enum End: Hashable, Sendable {
    case sense(String)
    case reservationConflict
    /// CONDITION MET, and then C/00/00 by REQUEST SENSE.
    case found
  }

  /// What the sense data point to.
  enum Place: Hashable, Sendable {
    case information(UInt64)
    case field(SenseData.FieldPointer)
  }

  let commands: [Command]
  let rows: [Row]
  let promisedRows: Int?
  let text: String

  /// The document as it is beside these tests; a malformed one has no tables.
  static let document = Result { try DriveDocument() }

  /// The folder that everything is in.
  static let root = (0..<3).reduce(URL(fileURLWithPath: #filePath)) { folder, _ in folder.deletingLastPathComponent() }

  private init() throws {
    text = try String(contentsOf: Self.root.appending(path: "docs/drive.md"), encoding: .utf8)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    commands = try Self.table(under: "## Commands", lines).map { cells in
      let codes = cells[0].split(separator: "/").map { UInt8($0, radix: 16) }
      return Command(
        operation: try #require(codes.first ?? nil, "\(cells)"), serviceAction: codes.count == 2 ? codes[1] : nil,
        isForDirectAccessOnly: cells[2] == "00")
    }
    rows = try Self.table(under: "## Sense data", lines).map { cells in
      try #require(cells.count == 5, "a row of \(cells.count) cells: \(cells)")
      let parts = cells[2].split(separator: "+")
      return Row(
        cause: cells[0], state: try #require(DriveState(rawValue: cells[1]), "no such state: \(cells[1])"),
        cdb: try Self.octets(parts[0]), data: parts.count > 1 ? try Self.octets(parts[1]) : [],
        end: Self.end(cells[3]), place: try Self.place(cells[4]))
    }
    promisedRows = lines.first { $0.hasPrefix("Rows: ") }.flatMap { Int($0.dropFirst(6)) }
  }

  /// The rows of the first table behind a heading, without its head.
  private static func table(under heading: String, _ lines: [String]) throws -> [[String]] {
    let start = try #require(lines.firstIndex(of: heading), "no heading \(heading)")
    let rows = lines[start...].drop { !$0.hasPrefix("|") }.prefix { $0.hasPrefix("|") }
    return rows.dropFirst(2).map { row in
      row.dropFirst().dropLast().split(separator: "|", omittingEmptySubsequences: false)
        .map { $0.trimmingCharacters(in: .whitespaces).replacing("`", with: "") }
    }
  }

  private static func end(_ cell: String) -> End {
    switch cell {
    case "conflict": .reservationConflict
    case "found": .found
    default: .sense(cell)
    }
  }

  private static func place(_ cell: String) throws -> Place? {
    let words = cell.split(separator: " ")
    switch words.first {
    case "block", "offset": return .information(try #require(UInt64(words[1]), "\(cell)"))
    case "CDB", "list":
      return .field(
        SenseData.FieldPointer(
          octet: try #require(UInt16(words[1]), "\(cell)"), bit: words.count == 4 ? UInt8(words[3]) : nil,
          isInParameterList: words[0] == "list"))
    default:
      try #require(cell == "—", "no place: \(cell)")
      return nil
    }
  }

  /// Hexadecimal groups; `00*512` is 512 octets 00.
  private static func octets(_ text: Substring) throws -> [UInt8] {
    try text.split(separator: " ").flatMap { group -> [UInt8] in
      let parts = group.split(separator: "*")
      let octets = try #require(Hex.decode(String(parts[0])), "no octets: \(group)")
      let count = parts.count == 2 ? try #require(Int(parts[1])) : 1
      return (0..<count).flatMap { _ in octets }
    }
  }
}
