import COpenSSL

/// OpenSSL's implementations, each looked up once for the process: a look-up by name costs more than most operations.
///
/// The pointers are shared by all threads: a fetched algorithm is immutable and counts its references atomically.
enum Algorithms {
  nonisolated(unsafe) static let aes128CBC = cipher("AES-128-CBC")
  nonisolated(unsafe) static let aes192CBC = cipher("AES-192-CBC")
  nonisolated(unsafe) static let aes256CBC = cipher("AES-256-CBC")
  nonisolated(unsafe) static let aes128ECB = cipher("AES-128-ECB")
  nonisolated(unsafe) static let aes192ECB = cipher("AES-192-ECB")
  nonisolated(unsafe) static let aes256ECB = cipher("AES-256-ECB")
  nonisolated(unsafe) static let aes128Wrap = cipher("AES-128-WRAP")
  nonisolated(unsafe) static let aes192Wrap = cipher("AES-192-WRAP")
  nonisolated(unsafe) static let aes256Wrap = cipher("AES-256-WRAP")
  nonisolated(unsafe) static let aes256CTR = cipher("AES-256-CTR")
  nonisolated(unsafe) static let aes256GCM = cipher("AES-256-GCM")
  nonisolated(unsafe) static let aes256XTS = cipher("AES-256-XTS")
  nonisolated(unsafe) static let cmac = required(EVP_MAC_fetch(nil, "CMAC", nil), "CMAC")
  nonisolated(unsafe) static let hmac = required(EVP_MAC_fetch(nil, "HMAC", nil), "HMAC")
  nonisolated(unsafe) static let sha256 = required(EVP_MD_fetch(nil, "SHA2-256", nil), "SHA2-256")
  nonisolated(unsafe) static let kbkdf = required(EVP_KDF_fetch(nil, "KBKDF", nil), "KBKDF")
  nonisolated(unsafe) static let scrypt = required(EVP_KDF_fetch(nil, "SCRYPT", nil), "SCRYPT")

  private static func cipher(_ name: String) -> OpaquePointer {
    required(EVP_CIPHER_fetch(nil, name, nil), name)
  }

  /// Every supported OpenSSL has these; one built without them cannot run Warifu at all.
  private static func required(_ algorithm: OpaquePointer?, _ name: String) -> OpaquePointer {
    guard let algorithm else { fatalError("OpenSSL has no \(name)") }
    return algorithm
  }
}
