import Octets

/// What the client that began to redeem a code holds: with it, and with nothing else, the download goes on.
///
/// Written as 64 hexadecimal digits, in a header or a body, never in an address. A secret: its description is redacted.
public struct DownloadTicket: Hashable, Sendable {
  /// Octets of a ticket.
  public static let octetCount = 32

  /// The 32 octets.
  public let octets: [UInt8]

  /// The ticket of these octets; `nil` unless there are 32.
  public init?(octets: [UInt8]) {
    guard octets.count == DownloadTicket.octetCount else { return nil }
    self.octets = octets
  }

  /// Reads 64 hexadecimal digits; `nil` for anything else.
  public init?(text: String) {
    guard text.utf8.count == 2 * DownloadTicket.octetCount, let octets = Hex.decode(text) else { return nil }
    self.init(octets: octets)
  }

  /// The ticket as it travels.
  public var text: String { Hex.encode(octets) }
}

extension DownloadTicket: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// Always `DownloadTicket(redacted)`.
  public var description: String { "DownloadTicket(redacted)" }
  /// Always `DownloadTicket(redacted)`.
  public var debugDescription: String { description }
  /// Shows no content.
  public var customMirror: Mirror { Mirror(self, children: []) }
}
