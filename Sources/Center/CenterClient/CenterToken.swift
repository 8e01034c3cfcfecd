/// What a centre lets its bearer in by for a short time. A secret.
public struct CenterToken: Sendable {
  let text: String
  /// Until when, seconds since 1970 UTC; `nil` for one that the operator handed out.
  public let expiresAt: UInt64?

  /// A token that was handed out.
  ///
  /// - Returns: `nil` unless it is 16 to 512 characters that a header field can have.
  public init?(_ text: String, expiresAt: UInt64? = nil) {
    guard (16...512).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
    self.text = text
    self.expiresAt = expiresAt
  }
}

extension CenterToken: CustomStringConvertible, CustomReflectable {
  /// Nothing of the token.
  public var description: String { "CenterToken(redacted)" }
  /// Nothing of the token.
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}
