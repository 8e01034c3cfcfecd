import COpenSSL
import SecureChannel

/// AES-256-GCM (SP 800-38D) under one key, with nonces of 12 octets and tags of 16.
///
/// One context each way is kept, so a message costs no key schedule and no allocation. It has one owner and its pointers
/// are nobody else's, so that it may go from thread to thread.
struct GCMContext: ~Copyable, @unchecked Sendable {
  static let keyOctets = 32
  static let nonceOctets = 12
  static let tagOctets = 16

  private let cipher: CipherContext
  private let isEncrypting: Bool

  /// A context for one direction under `key`, 32 octets.
  init(key: UnsafeRawBufferPointer, encrypting: Bool) throws(CryptoError) {
    guard key.count == GCMContext.keyOctets else { throw .badLength }
    guard let start = key.baseAddress?.assumingMemoryBound(to: UInt8.self) else { throw .badLength }
    let cipher = try CipherContext()
    try cipher.start(Algorithms.aes256GCM, key: start, iv: nil, encrypting: encrypting)
    self.cipher = cipher
    isEncrypting = encrypting
  }

  /// Encrypts `plaintext` into `output`: ciphertext ‖ tag, 16 octets longer. `output` may start where `plaintext` does.
  mutating func seal(
    _ plaintext: UnsafeRawBufferPointer, nonce: UnsafePointer<UInt8>, associatedData: UnsafeRawBufferPointer,
    into output: UnsafeMutableRawBufferPointer
  ) throws(CryptoError) {
    guard isEncrypting, let start = output.baseAddress, output.count == plaintext.count + GCMContext.tagOctets else {
      throw .badLength
    }
    try begin(nonce, associatedData)
    try update(plaintext, into: start)
    try end(givingTag: start + plaintext.count)
  }

  /// Decrypts `sealed` (ciphertext ‖ tag) into `output`, 16 octets shorter. `output` may start where `sealed` does.
  ///
  /// - Throws: ``CryptoError/notAuthentic`` for a wrong tag; `output` holds zeros then.
  mutating func open(
    _ sealed: UnsafeRawBufferPointer, nonce: UnsafePointer<UInt8>, associatedData: UnsafeRawBufferPointer,
    into output: UnsafeMutableRawBufferPointer
  ) throws(CryptoError) {
    guard sealed.count >= GCMContext.tagOctets else { throw .notAuthentic }
    let length = sealed.count - GCMContext.tagOctets
    guard !isEncrypting, output.count == length else { throw .badLength }
    do {
      try begin(nonce, associatedData)
      try update(UnsafeRawBufferPointer(rebasing: sealed[..<length]), into: output.baseAddress)
      try end(expectingTag: sealed.baseAddress?.advanced(by: length))
    } catch {
      SecureMemory.wipe(output)
      throw error
    }
  }

  // MARK: A message in parts

  /// Starts a message.
  func begin(
    _ nonce: UnsafePointer<UInt8>, _ associatedData: UnsafeRawBufferPointer
  ) throws(CryptoError) {
    try cipher.restart(iv: nonce)
    try update(associatedData, into: nil)
  }

  /// Takes the next octets of the message. Without `output` they are associated data.
  func update(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawPointer?) throws(CryptoError) {
    guard !input.isEmpty else { return }
    guard try cipher.process(input, into: output) == input.count else { throw .failed }
  }
  /// Ends a message that was encrypted, and writes its tag, 16 octets.
  func end(givingTag tag: UnsafeMutableRawPointer) throws(CryptoError) {
    var written: Int32 = 0
    try OpenSSL.check(EVP_CipherFinal_ex(cipher.pointer, nil, &written))
    try OpenSSL.check(
      EVP_CIPHER_CTX_ctrl(cipher.pointer, EVP_CTRL_AEAD_GET_TAG, Int32(GCMContext.tagOctets), tag))
  }

  /// Ends a message that was decrypted, whose tag must be this one, 16 octets.
  ///
  /// - Throws: ``CryptoError/notAuthentic`` for another: whatever was decrypted is worth nothing then.
  func end(expectingTag tag: UnsafeRawPointer?) throws(CryptoError) {
    try OpenSSL.check(
      EVP_CIPHER_CTX_ctrl(
        cipher.pointer, EVP_CTRL_AEAD_SET_TAG, Int32(GCMContext.tagOctets), UnsafeMutableRawPointer(mutating: tag)))
    var written: Int32 = 0
    try OpenSSL.check(EVP_CipherFinal_ex(cipher.pointer, nil, &written), else: .notAuthentic)
  }
}
