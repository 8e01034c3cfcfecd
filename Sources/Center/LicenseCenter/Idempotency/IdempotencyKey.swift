/// The name that a client gives to a request which changes something, so that it can be repeated without harm: chosen at
/// random, 16 to 64 octets. A secret between client and centre; its description is redacted.
public struct IdempotencyKey: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
  /// The fewest and the most octets; 16 are 128 random bits.
  public static let octetCounts = 16...64

  /// The octets.
  public let octets: [UInt8]

  /// The key of these octets; `nil` for too few or too many.
  public init?(octets: [UInt8]) {
    guard IdempotencyKey.octetCounts.contains(octets.count) else { return nil }
    self.octets = octets
  }

  /// The key that a header field or a hidden field of a page holds, taken as it stands: 22 to 64 printable ASCII
  /// characters, since 128 bits have at least 22 in base64. `nil` for any other text.
  public init?(text: String) {
    guard (22...64).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
    self.init(octets: Array(text.utf8))
  }

  /// Always `IdempotencyKey(redacted)`.
  public var description: String { "IdempotencyKey(redacted)" }
  /// Shows no content.
  public var customMirror: Mirror { Mirror(self, children: []) }
}
