import COpenSSL
import SecureChannel

/// Owns one `EVP_MD_CTX`, for SHA-256 unless it says otherwise.
struct DigestContext: ~Copyable {
  private let pointer: OpaquePointer

  /// A context at the start of a message.
  init() {
    guard let pointer = EVP_MD_CTX_new(), EVP_DigestInit_ex2(pointer, Algorithms.sha256, nil) == 1 else {
      fatalError("out of memory")
    }
    self.pointer = pointer
  }

  deinit {
    EVP_MD_CTX_free(pointer)
  }

  /// A context at the start of a message, for an algorithm that this OpenSSL may lack.
  init(named name: String) throws(CryptoError) {
    guard let algorithm = EVP_MD_fetch(nil, name, nil) else { throw OpenSSL.failure() }
    defer { EVP_MD_free(algorithm) }
    guard let pointer = EVP_MD_CTX_new() else { fatalError("out of memory") }
    guard EVP_DigestInit_ex2(pointer, algorithm, nil) == 1 else {
      EVP_MD_CTX_free(pointer)
      throw OpenSSL.failure()
    }
    self.pointer = pointer
  }

  /// Starts a new message.
  func restart() throws(CryptoError) {
    try OpenSSL.check(EVP_DigestInit_ex2(pointer, nil, nil))
  }

  /// Takes in `bytes`.
  func update(_ bytes: UnsafeRawBufferPointer) throws(CryptoError) {
    try OpenSSL.check(EVP_DigestUpdate(pointer, bytes.baseAddress, bytes.count))
  }

  /// Writes the digest, 32 octets.
  func finish(into digest: UnsafeMutablePointer<UInt8>) throws(CryptoError) {
    try OpenSSL.check(EVP_DigestFinal_ex(pointer, digest, nil))
  }
}
