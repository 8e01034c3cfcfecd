import Cryptography
import ISCSI
import Octets

/// A name and the secret that proves it (RFC 7143, 9.2.1). The secret never leaves this object.
public final class CHAPCredentials: Sendable {
  /// The fewest octets of a secret: 96 bits, as RFC 7143 wants where nothing else protects the connection.
  public static let minimumSecretOctets = 12
  /// The most octets of a secret.
  public static let maximumSecretOctets = 255

  /// Who proves it.
  public let name: String
  private let secret: Secret

  /// Credentials.
  ///
  /// - Throws: ``ISCSITargetError/badSecret`` for a secret that is too short or too long, or an empty name.
  public init(name: String, secret: consuming Secret) throws(ISCSITargetError) {
    guard (1...255).contains(name.utf8.count),
      (CHAPCredentials.minimumSecretOctets...CHAPCredentials.maximumSecretOctets).contains(secret.count)
    else { throw .badSecret }
    self.name = name
    self.secret = secret
  }

  /// Whether both have the same secret: then either could be made to prove the other.
  func hasSameSecret(as other: CHAPCredentials) -> Bool { secret.matches(other.secret) }

  /// The answer to a challenge; `nil` if OpenSSL has been told to do without the algorithm.
  func answer(to challenge: CHAPChallenge, with algorithm: CHAPAlgorithm) -> [UInt8]? {
    let digest: ChallengeDigest =
      switch algorithm {
      case .md5: .md5
      case .sha256: .sha256
      }
    return try? digest.answer(identifier: challenge.identifier, secret: secret, challenge: challenge.octets)
  }
}

/// What a target's CHAP rests on: the initiators' credentials, its own, and chance.
final class CHAPKeeper: CHAPAuthority, Sendable {
  private let initiator: CHAPCredentials
  private let target: CHAPCredentials?
  private let random: any RandomSource

  init(initiator: CHAPCredentials, target: CHAPCredentials?, random: any RandomSource) {
    self.initiator = initiator
    self.target = target
    self.random = random
  }

  func makeChallenge() -> CHAPChallenge {
    let octets = random.octets(33)
    return CHAPChallenge(identifier: octets[32], octets: Array(octets[..<32]))
  }

  func verify(name: [UInt8], response: [UInt8], to challenge: CHAPChallenge, with algorithm: CHAPAlgorithm) -> Bool {
    guard let expected = initiator.answer(to: challenge, with: algorithm) else { return false }
    // Both are compared whatever the other says.
    let hasProof = constantTimeEqual(response.span.bytes, expected.span.bytes)
    let known = Array(initiator.name.utf8)
    let isKnown = constantTimeEqual(name.span.bytes, known.span.bytes)
    return hasProof && isKnown
  }

  func answer(to challenge: CHAPChallenge, with algorithm: CHAPAlgorithm) -> (name: String, response: [UInt8])? {
    guard let target, let response = target.answer(to: challenge, with: algorithm) else { return nil }
    return (target.name, response)
  }
}
