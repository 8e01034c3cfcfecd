import Foundation
import Identifiers

/// The sheet that a purchaser takes home beside a card (P2, Figs 1 and 11): codes to hand over off-line (P3), the place
/// where they are redeemed, and what they buy.
///
/// Printed as text. The codes on it are secrets until each is used; the centre forgets its copies once it is printed.
public struct SealSheet: Sendable {
  /// Number of the sheet at its centre.
  public var number: UInt64
  /// The centre's name.
  public var centerName: String
  /// The card that the codes were sold with.
  public var cardSerial: CardSerial
  /// The title's name.
  public var title: String
  /// The title's software id.
  public var softwareID: SoftwareID
  /// Where codes are redeemed.
  public var url: String
  /// Seconds since 1970 UTC after which the codes are dead; `nil` for never.
  public var expiry: UInt64?
  /// The codes, each on a label of its own.
  public var codes: [RetrievalCode]

  /// A sheet.
  public init(
    number: UInt64, centerName: String, cardSerial: CardSerial, title: String, softwareID: SoftwareID, url: String,
    expiry: UInt64?, codes: [RetrievalCode]
  ) {
    self.number = number
    self.centerName = centerName
    self.cardSerial = cardSerial
    self.title = title
    self.softwareID = softwareID
    self.url = url
    self.expiry = expiry
    self.codes = codes
  }

  /// The sheet as it is printed, in lines of at most 72 columns where the names allow it.
  public var text: String {
    let rule = String(repeating: "-", count: 56)
    let head = [
      "SEAL SHEET \(number)    \(centerName)",
      rule,
      "Card        \(cardSerial)",
      "Title       \(title)",
      "Software id \(softwareID)",
      "Redeem at   \(url)",
      "Good until  \(expiry.map(Timestamp.text) ?? "no date")",
      rule,
    ]
    let width = String(codes.count).count
    let labels = codes.enumerated().map { index, code in
      let label = String(index + 1)
      return String(repeating: " ", count: width - label.count) + label + "  " + code.text
    }
    return (head + labels + [rule, "One download for each code. Whoever has the code has the right."])
      .joined(separator: "\n") + "\n"
  }
}

/// Times for people.
enum Timestamp {
  /// The last second that four digits of a year can say.
  private static let lastSecond: UInt64 = 253_402_300_799

  /// `seconds` since 1970 as ISO 8601 in UTC.
  static func text(_ seconds: UInt64) -> String {
    Date(timeIntervalSince1970: Double(min(seconds, lastSecond))).formatted(.iso8601)
  }
}
