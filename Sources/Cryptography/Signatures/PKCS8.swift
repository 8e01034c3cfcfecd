import COpenSSL
import SecureChannel

/// P-256 private keys as PKCS #8 (RFC 5958) in DER.
enum PKCS8 {
  /// The private number in `encoded`, 32 octets.
  static func scalar(of encoded: borrowing Secret) throws(CryptoError) -> Secret {
    let key = try encoded.withUnsafeBytes { (bytes) throws(CryptoError) in try decode(bytes) }
    defer { EVP_PKEY_free(key) }
    guard P256Key.isP256(key) else { throw .badKey }
    var number: OpaquePointer?
    try OpenSSL.check(EVP_PKEY_get_bn_param(key, "priv", &number), else: .badKey)
    defer { BN_clear_free(number) }
    return try Secret(count: P256.scalarOctets) { (scalar) throws(CryptoError) in
      let start = scalar.baseAddress?.assumingMemoryBound(to: UInt8.self)
      guard BN_bn2binpad(number, start, Int32(scalar.count)) == Int32(scalar.count) else {
        throw OpenSSL.failure(.badKey)
      }
    }
  }

  /// `key`, which has its private half, as PKCS #8.
  static func encode(_ key: borrowing P256Key) throws(CryptoError) -> Secret {
    guard let structure = EVP_PKEY2PKCS8(key.pointer) else { throw OpenSSL.failure() }
    defer { PKCS8_PRIV_KEY_INFO_free(structure) }
    let length = i2d_PKCS8_PRIV_KEY_INFO(structure, nil)
    guard length > 0 else { throw OpenSSL.failure() }
    return try Secret(count: Int(length)) { (encoded) throws(CryptoError) in
      var cursor = encoded.baseAddress?.assumingMemoryBound(to: UInt8.self)
      guard i2d_PKCS8_PRIV_KEY_INFO(structure, &cursor) == length else { throw OpenSSL.failure() }
    }
  }

  private static func decode(_ encoded: UnsafeRawBufferPointer) throws(CryptoError) -> OpaquePointer {
    let start = encoded.baseAddress?.assumingMemoryBound(to: UInt8.self)
    var cursor = start
    guard let structure = d2i_PKCS8_PRIV_KEY_INFO(nil, &cursor, encoded.count) else { throw OpenSSL.failure(.badKey) }
    defer { PKCS8_PRIV_KEY_INFO_free(structure) }
    guard let start, cursor == start + encoded.count, let key = EVP_PKCS82PKEY(structure) else {
      throw OpenSSL.failure(.badKey)
    }
    return key
  }
}
