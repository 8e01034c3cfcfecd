import COpenSSL

/// A cipher by OpenSSL calls alone, with a context that is kept.
final class BareCipher {
  private let context: OpaquePointer
  private let iv = [UInt8](repeating: 7, count: 16)
  private let tag = UnsafeMutablePointer<UInt8>.allocate(capacity: 16)

  /// A context for `name`, such as "AES-256-CBC", without padding.
  init(_ name: String, key: [UInt8], encrypting: Bool) throws {
    guard let algorithm = EVP_CIPHER_fetch(nil, name, nil) else { throw MeasurementError("OpenSSL has no \(name)") }
    defer { EVP_CIPHER_free(algorithm) }
    guard let context = EVP_CIPHER_CTX_new() else { throw MeasurementError("OpenSSL makes no cipher context") }
    self.context = context
    tag.initialize(repeating: 0, count: 16)
    EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW)
    guard EVP_CipherInit_ex2(context, algorithm, key, name.hasSuffix("WRAP") ? nil : iv, encrypting ? 1 : 0, nil) == 1
    else {
      throw MeasurementError("OpenSSL takes no key for \(name)")
    }
    EVP_CIPHER_CTX_set_padding(context, 0)
  }

  deinit {
    EVP_CIPHER_CTX_free(context)
    tag.deallocate()
  }

  /// Processes `data` in place, without another initialisation vector.
  @inline(__always)
  func update(_ data: UnsafeMutableRawBufferPointer) {
    let start = data.baseAddress?.assumingMemoryBound(to: UInt8.self)
    var written: Int32 = 0
    EVP_CipherUpdate(context, start, &written, start, Int32(data.count))
  }

  /// Unwraps `wrapped` (RFC 3394) into `key`, 8 octets shorter.
  func unwrap(_ wrapped: UnsafeRawBufferPointer, into key: UnsafeMutableRawBufferPointer) {
    var written: Int32 = 0
    EVP_CipherUpdate(
      context, key.baseAddress?.assumingMemoryBound(to: UInt8.self), &written,
      wrapped.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(wrapped.count))
  }

  /// Processes `data` in place, after setting an initialisation vector.
  @inline(__always)
  func restartAndUpdate(_ data: UnsafeMutableRawBufferPointer) {
    EVP_CipherInit_ex2(context, nil, nil, iv, -1, nil)
    update(data)
  }

  /// Seals `data` in place as one GCM message, and forgets the tag.
  func seal(_ data: UnsafeMutableRawBufferPointer) {
    restartAndUpdate(data)
    var written: Int32 = 0
    EVP_CipherFinal_ex(context, nil, &written)
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag)
  }

  /// Opens `sealed` as one GCM message. The tag is wrong, which costs as much to find out as that it is right.
  func open(_ sealed: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) {
    EVP_CipherInit_ex2(context, nil, nil, iv, -1, nil)
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, tag)
    var written: Int32 = 0
    EVP_CipherUpdate(
      context, output.baseAddress?.assumingMemoryBound(to: UInt8.self), &written,
      sealed.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(sealed.count))
    EVP_CipherFinal_ex(context, nil, &written)
  }
}
