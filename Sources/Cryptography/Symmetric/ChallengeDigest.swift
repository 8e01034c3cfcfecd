import Octets
import SecureChannel

/// The answer to a challenge as CHAP makes it (RFC 1994, 4.1): a digest of an identifier, a shared secret and the
/// challenge.
public enum ChallengeDigest: Sendable, Hashable {
  /// MD5: all that RFC 1994 has, and so what every initiator knows. It protects no content here, only proves a secret.
  case md5
  /// SHA-256 (RFC 7143, 12.1.4, by IANA's registry).
  case sha256

  /// Octets of an answer.
  public var octetCount: Int { self == .md5 ? 16 : 32 }

  /// The answer of whoever knows `secret`.
  ///
  /// - Throws: ``CryptoError`` if this OpenSSL has been told to do without the algorithm.
  public func answer(
    identifier: UInt8, secret: borrowing Secret, challenge: [UInt8]
  ) throws(CryptoError) -> [UInt8] {
    let context = try DigestContext(named: self == .md5 ? "MD5" : "SHA2-256")
    let first = [identifier]
    try first.span.bytes.withUnsafeBytes { (bytes) throws(CryptoError) in try context.update(bytes) }
    try secret.withUnsafeBytes { (bytes) throws(CryptoError) in try context.update(bytes) }
    try challenge.span.bytes.withUnsafeBytes { (bytes) throws(CryptoError) in try context.update(bytes) }
    // Room for the longest digest that EVP knows.
    var digest = InlineArray<64, UInt8>(repeating: 0)
    var span = digest.mutableSpan
    var failure: CryptoError?
    span.withUnsafeMutableBufferPointer { room in
      guard let start = room.baseAddress else { return }
      do throws(CryptoError) { try context.finish(into: start) } catch { failure = error }
    }
    if let failure { throw failure }
    return (0..<octetCount).map { digest[$0] }
  }
}
