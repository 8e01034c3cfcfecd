import Octets
import SecureChannel

/// AES-CMAC (SP 800-38B, RFC 4493).
public enum CMAC {
  /// Octets of a tag.
  public static let tagOctets = 16

  /// The tag of `message` under `key` (16, 24 or 32 octets).
  public static func tag(_ key: borrowing Secret, _ message: [UInt8]) throws(CryptoError) -> [UInt8] {
    var aes = try AESKey(key)
    var tag = Block(repeating: 0)
    try withMutableBytes(&tag) { (tag) throws(CryptoError) in
      try withBytes(message) { (message) throws(CryptoError) in
        try aes.authenticate(message, UnsafeRawBufferPointer(start: nil, count: 0), into: tag)
      }
    }
    return tag.span.bytes.octets
  }

  /// Checks `tag` over `message`.
  ///
  /// - Throws: ``CryptoError/notAuthentic`` when it is another, or is not of 16 octets.
  public static func verify(_ key: borrowing Secret, _ message: [UInt8], tag: [UInt8]) throws(CryptoError) {
    let expected = try CMAC.tag(key, message)
    guard constantTimeEqual(expected.span.bytes, tag.span.bytes) else { throw .notAuthentic }
  }
}
