import COpenSSL

/// AES-CMAC by OpenSSL calls alone, with a context that is kept: what any user of OpenSSL pays at least.
final class BareCMAC {
  private let context: OpaquePointer
  private let tag = UnsafeMutablePointer<UInt8>.allocate(capacity: 16)

  /// A context under `key`: 16 or 32 octets.
  init(key: [UInt8]) throws {
    guard let algorithm = EVP_MAC_fetch(nil, "CMAC", nil) else { throw MeasurementError("OpenSSL has no CMAC") }
    defer { EVP_MAC_free(algorithm) }
    guard let context = EVP_MAC_CTX_new(algorithm) else { throw MeasurementError("OpenSSL makes no CMAC context") }
    self.context = context
    var cipher = Array("AES-\(key.count * 8)-CBC".utf8CString)
    let result = cipher.withUnsafeMutableBufferPointer { name in
      var parameters = [
        OSSL_PARAM_construct_utf8_string("cipher", name.baseAddress, 0), OSSL_PARAM_construct_end(),
      ]
      return EVP_MAC_init(context, key, key.count, &parameters)
    }
    guard result == 1 else { throw MeasurementError("OpenSSL takes no key for CMAC") }
  }

  deinit {
    EVP_MAC_CTX_free(context)
    tag.deallocate()
  }

  /// Sets another key of the same length.
  func setKey(_ key: [UInt8]) { EVP_MAC_init(context, key, key.count, nil) }

  /// One tag over `message`, under the key that is set.
  @inline(__always)
  func authenticate(_ message: UnsafeRawBufferPointer) {
    EVP_MAC_init(context, nil, 0, nil)
    authenticateFirst(message)
  }

  /// One tag right after a key was set.
  @inline(__always)
  func authenticateFirst(_ message: UnsafeRawBufferPointer) {
    var length = 0
    EVP_MAC_update(context, message.baseAddress?.assumingMemoryBound(to: UInt8.self), message.count)
    EVP_MAC_final(context, tag, &length, 16)
  }
}
