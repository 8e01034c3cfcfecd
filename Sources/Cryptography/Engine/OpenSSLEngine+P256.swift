import Octets
import SecureChannel

extension OpenSSLEngine {
  /// A new P-256 key pair, drawn from the engine's random source.
  public func generateP256(privateKey: inout Block32, publicKey: inout P256PublicKey) throws(CryptoError) {
    try withMutableBytes(&privateKey) { (privateKey) throws(CryptoError) in
      let scalar = UnsafeMutableRawBufferPointer(start: privateKey, count: P256.scalarOctets)
      P256.generateScalar(into: scalar, from: randomSource)
      try withMutableBytes(&publicKey) { (publicKey) throws(CryptoError) in
        try P256.publicKey(of: UnsafeRawBufferPointer(scalar), into: publicKey)
      }
    }
  }

  /// ECDSA P-256 over a SHA-256 `digest`.
  public func signP256(
    privateKey: RawSpan, digest: RawSpan, into signature: inout P256Signature
  ) throws(CryptoError) {
    try withBytes(privateKey, digest) { (privateKey, digest) throws(CryptoError) in
      let key = try P256Key(scalar: privateKey)
      try withMutableBytes(&signature) { (signature) throws(CryptoError) in try key.sign(digest, into: signature) }
    }
  }

  /// Checks an ECDSA P-256 `signature` over a `digest` under `publicKey`.
  public func verifyP256(publicKey: RawSpan, digest: RawSpan, signature: RawSpan) throws(CryptoError) {
    try withBytes(publicKey, digest) { (publicKey, digest) throws(CryptoError) in
      let key = try P256Key(publicKey: publicKey)
      try signature.withUnsafeBytes { (signature) throws(CryptoError) in try key.verify(digest, signature) }
    }
  }
}
