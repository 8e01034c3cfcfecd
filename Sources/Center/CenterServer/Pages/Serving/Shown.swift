import Foundation

/// Values as people read them.
enum Shown {
  /// A moment, to the minute, in UTC.
  static func time(_ seconds: UInt64) -> String {
    String(iso(seconds).prefix(16)).replacingOccurrences(of: "T", with: " ") + " UTC"
  }

  /// A day.
  static func day(_ seconds: UInt64) -> String { String(iso(seconds).prefix(10)) }

  /// The last second of a day that a date field names; `nil` for no date.
  static func endOfDay(_ text: String) -> UInt64? {
    guard text.utf8.count == 10, let date = try? Date("\(text)T23:59:59Z", strategy: .iso8601) else { return nil }
    return UInt64(exactly: date.timeIntervalSince1970)
  }

  /// A size.
  static func size(_ octets: UInt64) -> String {
    switch octets {
    case 0..<1000: "\(octets) bytes"
    case 0..<1_000_000: String(format: "%.1f kB", Double(octets) / 1e3)
    case 0..<1_000_000_000: String(format: "%.1f MB", Double(octets) / 1e6)
    default: String(format: "%.2f GB", Double(octets) / 1e9)
    }
  }

  /// `1 code`, `2 codes`.
  static func count(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

  private static func iso(_ seconds: UInt64) -> String {
    // The last second that four digits of a year can say.
    Date(timeIntervalSince1970: Double(min(seconds, 253_402_300_799))).formatted(.iso8601)
  }
}
