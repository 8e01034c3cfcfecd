import COpenSSL
import SecureChannel

/// Owns one `EVP_MAC_CTX` for HMAC-SHA-256 under one key. Freeing it wipes the key.
///
/// It has one owner and its pointer is nobody else's, so that it may go from thread to thread.
struct HMACContext: ~Copyable, @unchecked Sendable {
  /// Octets of a tag.
  static let tagOctets = 32

  private let pointer: OpaquePointer

  /// A context at the start of a message; the key may have any length, zero too.
  init(key: UnsafeRawBufferPointer) throws(CryptoError) {
    guard let pointer = EVP_MAC_CTX_new(Algorithms.hmac) else { throw OpenSSL.failure() }
    // OpenSSL takes a null key for "the one you have", so an empty one needs an address.
    let result = withUnsafeBytes(of: UInt8(0)) { empty in
      let start = (key.baseAddress ?? empty.baseAddress)?.assumingMemoryBound(to: UInt8.self)
      return withParameters([.text("digest", "SHA2-256")]) { EVP_MAC_init(pointer, start, key.count, $0) }
    }
    guard result == 1 else {
      EVP_MAC_CTX_free(pointer)
      throw OpenSSL.failure()
    }
    self.pointer = pointer
  }

  deinit {
    EVP_MAC_CTX_free(pointer)
  }

  /// Starts a new message under the same key.
  func restart() throws(CryptoError) {
    try OpenSSL.check(EVP_MAC_init(pointer, nil, 0, nil))
  }

  /// Takes in `bytes`.
  func update(_ bytes: UnsafeRawBufferPointer) throws(CryptoError) {
    try OpenSSL.check(EVP_MAC_update(pointer, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count))
  }

  /// Writes the tag, 32 octets.
  func finish(into tag: UnsafeMutableRawPointer) throws(CryptoError) {
    var length = 0
    let start = tag.assumingMemoryBound(to: UInt8.self)
    try OpenSSL.check(EVP_MAC_final(pointer, start, &length, HMACContext.tagOctets))
  }
}
