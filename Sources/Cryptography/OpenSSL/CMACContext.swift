import COpenSSL
import SecureChannel

/// Owns one `EVP_MAC_CTX` for AES-CMAC. Freeing it wipes the key schedule.
struct CMACContext: ~Copyable {
  private let pointer: OpaquePointer
  /// Length of the key whose cipher is set up; 0 for none.
  private var preparedLength = 0

  init() throws(CryptoError) {
    guard let pointer = EVP_MAC_CTX_new(Algorithms.cmac) else { throw OpenSSL.failure() }
    self.pointer = pointer
  }

  deinit {
    EVP_MAC_CTX_free(pointer)
  }

  /// Sets the key: 16, 24 or 32 octets.
  mutating func setKey(_ key: UnsafeRawBufferPointer) throws(CryptoError) {
    if preparedLength != key.count {
      let cipher: StaticString
      switch key.count {
      case 16: cipher = "AES-128-CBC"
      case 24: cipher = "AES-192-CBC"
      case 32: cipher = "AES-256-CBC"
      default: throw .badLength
      }
      preparedLength = 0
      let result = withParameters([.text("cipher", cipher)]) { EVP_MAC_CTX_set_params(pointer, $0) }
      try OpenSSL.check(result)
    }
    try OpenSSL.check(EVP_MAC_init(pointer, key.baseAddress?.assumingMemoryBound(to: UInt8.self), key.count, nil))
    preparedLength = key.count
  }

  /// Starts a new message under the key that is set.
  @inline(__always)
  func restart() throws(CryptoError) {
    try OpenSSL.check(EVP_MAC_init(pointer, nil, 0, nil))
  }

  /// Takes in `bytes`.
  @inline(__always)
  func update(_ bytes: UnsafeRawBufferPointer) throws(CryptoError) {
    try OpenSSL.check(EVP_MAC_update(pointer, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count))
  }

  /// Writes the tag, 16 octets.
  @inline(__always)
  func finish(into tag: UnsafeMutablePointer<UInt8>) throws(CryptoError) {
    var length = 0
    try OpenSSL.check(EVP_MAC_final(pointer, tag, &length, 16))
    guard length == 16 else { throw .failed }
  }
}
