import Cryptography
import Octets

/// Callers whose tokens the operator handed out: the counter's program, a monitor that reads figures.
///
/// Only digests of the tokens are kept in memory.
public struct FixedTokens: Authenticating {
  /// The fewest octets of a token: one that is read off a screen or typed can be guessed.
  public static let minimumOctets = 32

  private let identities: [(digest: [UInt8], identity: Identity)]

  /// Callers by token. A token that is too short to be random is nobody's.
  public init(_ tokens: [(token: [UInt8], identity: Identity)]) {
    identities = tokens.filter { $0.token.count >= FixedTokens.minimumOctets }.map {
      (Digest.sha256($0.token), $0.identity)
    }
  }

  /// Who was given this token.
  public func identity(bearing token: [UInt8]) -> Identity? {
    let digest = Digest.sha256(token)
    // All are compared, so that the time tells nothing.
    var found: Identity?
    for candidate in identities
    where constantTimeEqual(candidate.digest.span.bytes, digest.span.bytes) { found = candidate.identity }
    return found
  }
}
