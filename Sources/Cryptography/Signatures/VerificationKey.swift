import Octets
import SecureChannel

/// An ECDSA P-256 key that verifies (FIPS 186-5).
public struct VerificationKey: Hashable, Sendable {
  /// The point, uncompressed: 04 ‖ x ‖ y, 65 octets (SEC 1, 2.3.3).
  public let octets: [UInt8]

  /// The key of this point.
  ///
  /// - Throws: ``CryptoError/badKey`` unless these are 65 octets of a point on the curve.
  public init(octets: [UInt8]) throws(CryptoError) {
    _ = try withBytes(octets) { (octets) throws(CryptoError) in try P256Key(publicKey: octets) }
    self.octets = octets
  }

  /// The key of a point that is known to lie on the curve.
  init(checkedOctets: [UInt8]) {
    octets = checkedOctets
  }

  /// Checks a `signature` (r ‖ s, 64 octets) over SHA-256 of `message`.
  ///
  /// - Throws: ``CryptoError/notAuthentic`` when it is not good.
  public func verify(_ message: [UInt8], _ signature: [UInt8]) throws(CryptoError) {
    try verify(digest: Digest.sha256(message), signature)
  }

  /// Checks a `signature` over a SHA-256 `digest` (32 octets).
  ///
  /// - Throws: ``CryptoError/notAuthentic`` when it is not good, ``CryptoError/badLength`` for another digest.
  public func verify(digest: [UInt8], _ signature: [UInt8]) throws(CryptoError) {
    let key = try withBytes(octets) { (octets) throws(CryptoError) in try P256Key(publicKey: octets) }
    try withBytes(digest) { (digest) throws(CryptoError) in
      try withBytes(signature) { (signature) throws(CryptoError) in try key.verify(digest, signature) }
    }
  }
}
