import COpenSSL
import Identifiers
import Octets
import SecureChannel

/// Keys made from keys and passphrases, one function per construction.
public enum Derivation {
  /// Octets that the context of a derivation may have.
  static let contextOctets = 4096

  /// SP 800-108r1 KBKDF in counter mode with AES-CMAC under `root` (16, 24 or 32 octets).
  ///
  /// The PRF's input is [i]₃₂ ‖ label ‖ 00 ‖ context ‖ [L]₃₂, octet for octet that of ``CryptoEngine`` over
  /// `becomeDerivationInput(_:keyOctets:context:)` with a counter of 4 octets. `context` appends its typed fields.
  ///
  /// - Throws: ``CryptoError/badLength`` for a root, a context or a count of `octets` (1...4080) out of range.
  public static func kbkdf(
    _ root: borrowing Secret, label: KeyLabel, octets: Int, context: (OctetBuffer) throws(OctetError) -> Void
  ) throws(CryptoError) -> Secret {
    guard (1...255 * 16).contains(octets) else { throw .badLength }
    let cipher: StaticString
    switch root.count {
    case 16: cipher = "AES-128-CBC"
    case 24: cipher = "AES-192-CBC"
    case 32: cipher = "AES-256-CBC"
    default: throw .badLength
    }
    let fields = OctetBuffer(capacity: contextOctets)
    do { try context(fields) } catch { throw .badLength }
    let text = label.text.withUTF8Buffer { [UInt8]($0) }
    return try root.withUnsafeBytes { (root) throws(CryptoError) in
      try fields.withBytes { (fields) throws(CryptoError) in
        try withBytes(text) { (text) throws(CryptoError) in
          try fields.withUnsafeBytes { (fields) throws(CryptoError) in
            try derive(
              Algorithms.kbkdf, octets,
              [
                .text("mode", "counter"), .text("mac", "CMAC"), .text("cipher", cipher), .octets("key", root),
                .octets("salt", text), .octets("info", fields),
              ])
          }
        }
      }
    }
  }

  /// HKDF-SHA-256 (RFC 5869), extract and expand.
  ///
  /// An empty `salt` is the RFC's string of 32 zeros.
  ///
  /// - Throws: ``CryptoError/badLength`` unless `octets` is in 1...8160.
  public static func hkdf(
    _ secret: borrowing Secret, salt: [UInt8], info: [UInt8], octets: Int
  ) throws(CryptoError) -> Secret {
    // OpenSSL 3.0's own HKDF refuses an `info` of over 2,048 octets; the RFC and Tink allow any.
    let tagOctets = HMACContext.tagOctets
    guard (1...255 * tagOctets).contains(octets) else { throw .badLength }
    let pseudorandomKey = try extract(secret, salt: salt)
    let expansion = try pseudorandomKey.withUnsafeBytes { (key) throws(CryptoError) in try HMACContext(key: key) }
    let blockCount = (octets + tagOctets - 1) / tagOctets
    let blocks = try Secret(count: blockCount * tagOctets) { (output) throws(CryptoError) in
      for index in 0..<blockCount {
        let start = index * tagOctets
        try expansion.restart()
        if index > 0 { try expansion.update(UnsafeRawBufferPointer(rebasing: output[(start - tagOctets)..<start])) }
        try withBytes(info) { (info) throws(CryptoError) in try expansion.update(info) }
        let number = [UInt8(index + 1)]
        try withBytes(number) { (number) throws(CryptoError) in try expansion.update(number) }
        guard let block = output.baseAddress else { throw .failed }
        try expansion.finish(into: block + start)
      }
    }
    return blocks.withUnsafeBytes { blocks in
      Secret(count: octets) { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: blocks[..<octets])) }
    }
  }

  private static func extract(_ secret: borrowing Secret, salt: [UInt8]) throws(CryptoError) -> Secret {
    let context = try withBytes(salt) { (salt) throws(CryptoError) in try HMACContext(key: salt) }
    try secret.withUnsafeBytes { (secret) throws(CryptoError) in try context.update(secret) }
    return try Secret(count: HMACContext.tagOctets) { (output) throws(CryptoError) in
      guard let start = output.baseAddress else { throw .failed }
      try context.finish(into: start)
    }
  }

  /// scrypt (RFC 7914).
  ///
  /// - Throws: ``CryptoError/badLength`` for costs that ``ScryptCost`` refuses, or `octets` outside 1...1024.
  public static func scrypt(
    passphrase: borrowing Secret, salt: [UInt8], n: Int, r: Int, p: Int, octets: Int
  ) throws(CryptoError) -> Secret {
    guard (1...1024).contains(octets) else { throw .badLength }
    let cost = try ScryptCost(n: n, r: r, p: p)
    var (n, r, p, memory) = (UInt64(cost.n), UInt64(cost.r), UInt64(cost.p), UInt64(cost.memoryOctets))
    return try passphrase.withUnsafeBytes { (passphrase) throws(CryptoError) in
      try withBytes(salt) { (salt) throws(CryptoError) in
        try derive(
          Algorithms.scrypt, octets,
          [
            .octets("pass", passphrase), .octets("salt", salt), .number("n", &n), .number("r", &r), .number("p", &p),
            .number("maxmem_bytes", &memory),
          ])
      }
    }
  }

  private static func derive(
    _ algorithm: OpaquePointer, _ octets: Int, _ parameters: [OSSL_PARAM]
  ) throws(CryptoError) -> Secret {
    guard let context = EVP_KDF_CTX_new(algorithm) else { throw OpenSSL.failure() }
    defer { EVP_KDF_CTX_free(context) }
    return try Secret(count: octets) { (output) throws(CryptoError) in
      let start = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
      try OpenSSL.check(withParameters(parameters) { EVP_KDF_derive(context, start, output.count, $0) })
    }
  }
}
