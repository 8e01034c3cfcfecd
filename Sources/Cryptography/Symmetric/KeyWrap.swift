import Octets
import SecureChannel

/// AES key wrap with the default initial value (RFC 3394, SP 800-38F KW).
public enum KeyWrap {
  /// `key` under `under` (16, 24 or 32 octets), 8 octets longer than `key`.
  ///
  /// - Throws: ``CryptoError/badLength`` unless `key` is a multiple of 8 octets, at least 16.
  public static func wrap(_ key: borrowing Secret, under: borrowing Secret) throws(CryptoError) -> [UInt8] {
    var aes = try AESKey(under)
    var wrapped = [UInt8](repeating: 0, count: key.count + AESKey.wrapOverhead)
    try withMutableBytes(&wrapped) { (wrapped) throws(CryptoError) in
      try key.withUnsafeBytes { (key) throws(CryptoError) in try aes.wrap(key, into: wrapped) }
    }
    return wrapped
  }

  /// The key inside `wrapped`.
  ///
  /// - Throws: ``CryptoError/notAuthentic`` for another wrapping key or changed octets, ``CryptoError/badLength`` for a
  ///   length that no wrapped key has.
  public static func unwrap(_ wrapped: [UInt8], under: borrowing Secret) throws(CryptoError) -> Secret {
    guard wrapped.count > AESKey.wrapOverhead else { throw .badLength }
    var aes = try AESKey(under)
    return try Secret(count: wrapped.count - AESKey.wrapOverhead) { (key) throws(CryptoError) in
      try withBytes(wrapped) { (wrapped) throws(CryptoError) in try aes.unwrap(wrapped, into: key) }
    }
  }
}
