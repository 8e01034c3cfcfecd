import COpenSSL
import Octets
import SecureChannel

/// An ECDSA P-256 key that signs (FIPS 186-5). The nonces of signatures are OpenSSL's own.
public struct SigningKey: ~Copyable, @unchecked Sendable {
  // Sendable: the key is never changed, and OpenSSL lets several threads sign with one.

  let key: P256Key
  private let scalar: Secret

  /// The key that verifies what this one signs.
  public let verificationKey: VerificationKey

  /// The public key's point, 65 octets.
  public var publicKey: [UInt8] { verificationKey.octets }

  /// A new key; the same random octets give the same key.
  public init(random: any RandomSource) throws(CryptoError) {
    try self.init(scalar: Secret(count: P256.scalarOctets) { P256.generateScalar(into: $0, from: random) })
  }

  /// The key of this private number, 32 octets big-endian.
  ///
  /// - Throws: ``CryptoError/badKey`` unless it is in 1..<n.
  public init(scalar: consuming Secret) throws(CryptoError) {
    let publicKey = try SigningKey.publicKey(of: scalar)
    let key = try scalar.withUnsafeBytes { (scalar) throws(CryptoError) in
      try withBytes(publicKey) { (publicKey) throws(CryptoError) in
        try P256Key(scalar: scalar, publicKey: publicKey)
      }
    }
    self.key = key
    self.scalar = scalar
    verificationKey = VerificationKey(checkedOctets: publicKey)
  }

  /// The key in a PKCS #8 structure (RFC 5958, DER, not encrypted).
  ///
  /// - Throws: ``CryptoError/badKey`` for anything but a P-256 private key.
  public init(pkcs8: borrowing Secret) throws(CryptoError) {
    try self.init(scalar: PKCS8.scalar(of: pkcs8))
  }

  /// Signs SHA-256 of `message`; answers r ‖ s, 64 octets.
  public borrowing func sign(_ message: [UInt8]) throws(CryptoError) -> [UInt8] {
    try sign(digest: Digest.sha256(message))
  }

  /// Signs a SHA-256 `digest` (32 octets); answers r ‖ s, 64 octets.
  public borrowing func sign(digest: [UInt8]) throws(CryptoError) -> [UInt8] {
    var signature = P256Signature(repeating: 0)
    try withMutableBytes(&signature) { (signature) throws(CryptoError) in
      try withBytes(digest) { (digest) throws(CryptoError) in try key.sign(digest, into: signature) }
    }
    return signature.span.bytes.octets
  }

  /// The private number, 32 octets big-endian.
  public borrowing func exportScalar() -> Secret {
    scalar.copy()
  }

  /// The key as PKCS #8 (DER, not encrypted), as `openssl pkey -inform DER` reads it.
  public borrowing func exportPKCS8() throws(CryptoError) -> Secret {
    try PKCS8.encode(key)
  }

  private static func publicKey(of scalar: borrowing Secret) throws(CryptoError) -> [UInt8] {
    var publicKey = P256PublicKey(repeating: 0)
    try scalar.withUnsafeBytes { (scalar) throws(CryptoError) in
      try withMutableBytes(&publicKey) { (publicKey) throws(CryptoError) in
        try P256.publicKey(of: scalar, into: publicKey)
      }
    }
    return publicKey.span.bytes.octets
  }
}
