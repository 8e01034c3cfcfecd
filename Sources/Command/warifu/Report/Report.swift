import ArgumentParser
import Foundation

/// What a command found out or did: text for people, one JSON object for programs.
protocol Report: Encodable {
  /// Lines for people, each with its end.
  var text: String { get }
}

/// How results are written.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Write one JSON object instead of text.")
  var json = false

  /// Writes the result to standard output.
  func write(_ report: some Report) throws { try write(report, [.prettyPrinted]) }

  /// Writes one of several results that come one after the other: in JSON a line each.
  func writeLine(_ report: some Report) throws { try write(report, []) }

  private func write(_ report: some Report, _ formatting: JSONEncoder.OutputFormatting) throws {
    guard json else { return try Terminal.write(report.text) }
    let encoder = JSONEncoder()
    encoder.outputFormatting = formatting.union([.sortedKeys, .withoutEscapingSlashes])
    let octets = try encoder.encode(VersionedReport(report: report))
    try Terminal.write(String(decoding: octets, as: UTF8.self) + "\n")
  }
}

/// The report's own members beside the version of their form.
private struct VersionedReport<Content: Report>: Encodable {
  static var version: Int { 1 }

  let report: Content

  private enum Key: CodingKey { case version }

  func encode(to encoder: any Encoder) throws {
    try report.encode(to: encoder)
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(Self.version, forKey: .version)
  }
}

/// Text in columns.
enum Columns {
  /// One line for each name and value; the values stand below each other.
  static func fields(_ fields: [(String, String)]) -> String {
    let width = fields.map(\.0.count).max() ?? 0
    return fields.map { pad($0.0, width) + "  " + $0.1 + "\n" }.joined()
  }

  /// A head and rows, columns as wide as their widest value.
  static func table(_ head: [String], _ rows: [[String]]) -> String {
    let all = [head] + rows
    let widths = head.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    return all.map { row in
      let cells = zip(row, widths).map { pad($0, $1) }.joined(separator: "  ")
      return String(cells.reversed().drop { $0 == " " }.reversed()) + "\n"
    }.joined()
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}

/// Times and sizes for people.
enum Words {
  /// Seconds since 1970 as ISO 8601 in UTC.
  static func time(_ seconds: UInt64) -> String {
    // 9999-12-31: what four digits of a year can say.
    Date(timeIntervalSince1970: Double(min(seconds, 253_402_300_799))).formatted(.iso8601)
  }

  /// Seconds as minutes and seconds, and hours if there are any.
  static func duration(_ seconds: Double) -> String {
    let whole = Int(min(seconds.rounded(.up), 359_999))
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return hours > 0 ? "\(hours):\(two(minutes)):\(two(rest))" : "\(minutes):\(two(rest))"
  }

  /// Octets, in the unit that fits.
  static func size(_ octets: UInt64) -> String {
    let units = ["KiB", "MiB", "GiB"]
    guard octets >= 10_240 else { return "\(octets) octets" }
    var value = Double(octets) / 1024
    var unit = 0
    while value >= 10_240, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    return "\(Int(value.rounded())) \(units[unit])"
  }

  /// So many things; one of them without the s.
  static func count(_ number: Int, _ thing: String) -> String { "\(number) \(thing)\(number == 1 ? "" : "s")" }
}
