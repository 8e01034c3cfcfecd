import SecureChannel

extension AESKey {
  /// Octets that wrapping adds.
  static let wrapOverhead = 8

  /// AES-KW of `key` (a multiple of 8 octets, at least 16) into `wrapped`, 8 octets longer.
  mutating func wrap(
    _ key: UnsafeRawBufferPointer, into wrapped: UnsafeMutableRawBufferPointer
  ) throws(CryptoError) {
    guard key.count >= 16, key.count % 8 == 0, wrapped.count == key.count + AESKey.wrapOverhead else {
      throw .badLength
    }
    try withCipher(.wrap) { (cipher) throws(CryptoError) in try cipher.transform(key, into: wrapped) }
  }

  /// The inverse; when `wrapped` is not authentic, `key` is left with zeros.
  mutating func unwrap(
    _ wrapped: UnsafeRawBufferPointer, into key: UnsafeMutableRawBufferPointer
  ) throws(CryptoError) {
    guard wrapped.count >= 24, wrapped.count % 8 == 0, key.count == wrapped.count - AESKey.wrapOverhead else {
      throw .badLength
    }
    do {
      try withCipher(.unwrap) { (cipher) throws(CryptoError) in try cipher.transform(wrapped, into: key) }
    } catch {
      SecureMemory.wipe(key)
      throw error
    }
  }
}
