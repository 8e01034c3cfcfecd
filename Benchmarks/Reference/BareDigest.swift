import COpenSSL

/// SHA-256 by OpenSSL calls alone.
final class BareDigest {
  private let algorithm: OpaquePointer
  private let context: OpaquePointer
  private let digest = UnsafeMutablePointer<UInt8>.allocate(capacity: 32)

  init() throws {
    guard let algorithm = EVP_MD_fetch(nil, "SHA2-256", nil), let context = EVP_MD_CTX_new() else {
      throw MeasurementError("OpenSSL has no SHA-256")
    }
    self.algorithm = algorithm
    self.context = context
  }

  deinit {
    EVP_MD_CTX_free(context)
    EVP_MD_free(algorithm)
    digest.deallocate()
  }

  /// One digest over `message`.
  func hash(_ message: UnsafeRawBufferPointer) {
    EVP_DigestInit_ex2(context, algorithm, nil)
    EVP_DigestUpdate(context, message.baseAddress, message.count)
    EVP_DigestFinal_ex(context, digest, nil)
  }
}
