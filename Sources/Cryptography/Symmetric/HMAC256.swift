import Octets
import SecureChannel

/// HMAC-SHA-256 (RFC 2104, FIPS 198-1).
public enum HMAC256 {
  /// Octets of a tag.
  public static let tagOctets = 32

  /// The tag of `message` under `key`, which may have any length.
  public static func tag(key: borrowing Secret, _ message: [UInt8]) throws(CryptoError) -> [UInt8] {
    let context = try key.withUnsafeBytes { (key) throws(CryptoError) in try HMACContext(key: key) }
    var tag = Block32(repeating: 0)
    try withMutableBytes(&tag) { (tag) throws(CryptoError) in
      try withBytes(message) { (message) throws(CryptoError) in try context.update(message) }
      try context.finish(into: tag)
    }
    return tag.span.bytes.octets
  }

  /// Checks `tag` over `message`.
  ///
  /// - Throws: ``CryptoError/notAuthentic`` when it is another, or is not of 32 octets.
  public static func verify(key: borrowing Secret, _ message: [UInt8], tag: [UInt8]) throws(CryptoError) {
    let expected = try HMAC256.tag(key: key, message)
    guard constantTimeEqual(expected.span.bytes, tag.span.bytes) else { throw .notAuthentic }
  }
}
