import ChallengeAccess
import Cryptography
import Identifiers
import Octets

/// What a client shows instead of answering a challenge for each request: 32 random octets, good for a short time. The
/// centre keeps only its digest.
public struct AccessToken: Sendable {
  /// Octets in every token.
  public static let octetCount = 32
  private static let prefix = "wat_"

  private let octets: [UInt8]

  /// A new token.
  init(random: any RandomSource) { octets = random.octets(AccessToken.octetCount) }

  /// The token of these octets; `nil` unless there are 32.
  init?(octets: [UInt8]) {
    guard octets.count == AccessToken.octetCount else { return nil }
    self.octets = octets
  }

  /// The token that `text` spells, `wat_` and 64 hexadecimal digits.
  public init?(_ text: some StringProtocol) {
    guard text.utf8.count == 68, text.hasPrefix(AccessToken.prefix),
      let octets = Hex.decode(text.dropFirst(AccessToken.prefix.count)), octets.count == AccessToken.octetCount
    else { return nil }
    self.octets = octets
  }

  /// The token as it goes to the client and comes back, `wat_` and 64 hexadecimal digits. It is a secret.
  public var text: String { AccessToken.prefix + Hex.encode(octets) }

  /// By what the centre finds it. There are 2^256 tokens: nobody comes from a digest to one.
  var digest: [UInt8] { Digest.sha256(octets) }
}

extension AccessToken: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// Always `AccessToken(redacted)`.
  public var description: String { "AccessToken(redacted)" }
  /// The same.
  public var debugDescription: String { description }
  /// Nothing.
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// What a client gets that was let in.
public struct AccessGrant: Sendable {
  /// What it was let in for.
  public let permit: AccessPermit
  /// What it shows from now on.
  public let token: AccessToken
  /// Until when, seconds since 1970 UTC.
  public let expiresAt: UInt64
}

/// Whose request it is that comes with a token.
public struct AccessIdentity: Hashable, Sendable {
  /// Who.
  public let client: AccessClientID
  /// As what.
  public let role: AccessRole
  /// For which title only; `nil` for all that the role may do.
  public let softwareID: SoftwareID?
  /// Until when, seconds since 1970 UTC.
  public let expiresAt: UInt64
}
