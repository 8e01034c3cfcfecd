import COpenSSL
import SecureChannel

/// Owns one `EVP_CIPHER_CTX`. Freeing it wipes the key schedule.
struct CipherContext: ~Copyable {
  let pointer: OpaquePointer

  init() throws(CryptoError) {
    guard let pointer = EVP_CIPHER_CTX_new() else { throw OpenSSL.failure() }
    self.pointer = pointer
    // Key wrapping has to be asked for; to the other modes the flag means nothing.
    EVP_CIPHER_CTX_set_flags(pointer, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW)
  }

  deinit {
    EVP_CIPHER_CTX_free(pointer)
  }

  /// Sets algorithm, key and, where `iv` is not `nil`, initialisation vector. Padding is off.
  ///
  /// Setting the algorithm that is set already allocates nothing.
  func start(
    _ algorithm: OpaquePointer, key: UnsafePointer<UInt8>, iv: UnsafePointer<UInt8>?, encrypting: Bool
  ) throws(CryptoError) {
    // OpenSSL rebuilds its context whenever it is given an algorithm, even the same one.
    let change = EVP_CIPHER_CTX_get0_cipher(pointer) == algorithm ? nil : algorithm
    try OpenSSL.check(EVP_CipherInit_ex2(pointer, change, key, iv, encrypting ? 1 : 0, nil))
    try OpenSSL.check(EVP_CIPHER_CTX_set_padding(pointer, 0))
  }

  /// Starts a new message under the key that is set.
  func restart(iv: UnsafePointer<UInt8>) throws(CryptoError) {
    try OpenSSL.check(EVP_CipherInit_ex2(pointer, nil, nil, iv, -1, nil))
  }

  /// Passes `data` through the cipher in place.
  func update(_ data: UnsafeMutableRawBufferPointer) throws(CryptoError) {
    try update(UnsafeRawBufferPointer(data), into: data)
  }

  /// Passes `input` through the cipher into `output`, which is at least as long, the same memory or apart from it.
  func update(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) throws(CryptoError) {
    guard !input.isEmpty else { return }
    guard output.count >= input.count else { throw .badLength }
    guard try process(input, into: output.baseAddress) == input.count else { throw .failed }
  }

  /// Passes `input` through a cipher that changes its length, such as key wrap, and fills `output` exactly.
  ///
  /// - Throws: ``CryptoError/notAuthentic`` when the cipher refuses.
  func transform(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) throws(CryptoError) {
    guard try process(input, into: output.baseAddress, else: .notAuthentic) == output.count else { throw .notAuthentic }
  }

  /// `EVP_CipherUpdate`, which counts in 31 bits; answers how many octets came out.
  @inline(__always)
  func process(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawPointer?, else error: CryptoError = .failed
  ) throws(CryptoError) -> Int {
    guard let length = Int32(exactly: input.count) else { throw .badLength }
    var written: Int32 = 0
    let result = EVP_CipherUpdate(
      pointer, output?.assumingMemoryBound(to: UInt8.self), &written,
      input.baseAddress?.assumingMemoryBound(to: UInt8.self), length)
    try OpenSSL.check(result, else: error)
    return Int(written)
  }
}
