import Cryptography
import Identifiers

/// What a server knows of a client.
public struct AccessClient: Hashable, Sendable {
  /// Who it is.
  public var id: AccessClientID
  /// The key that its answers are checked with: "the public key associated with the second computer system" (C9).
  public var key: VerificationKey
  /// As what it may have access.
  public var roles: Set<AccessRole>
  /// Which configurations of its system are authorised.
  public var policy: ConfigurationPolicy
  /// Whether it has lost all access.
  public var isRevoked: Bool

  /// A client.
  public init(
    id: AccessClientID, key: VerificationKey, roles: Set<AccessRole>, policy: ConfigurationPolicy = .none,
    isRevoked: Bool = false
  ) {
    self.id = id
    self.key = key
    self.roles = roles
    self.policy = policy
    self.isRevoked = isRevoked
  }
}

/// What an exchange ends with, when it ends well.
public struct AccessPermit: Hashable, Sendable {
  /// Who.
  public let client: AccessClientID
  /// As what.
  public let role: AccessRole
  /// To which title; `nil` for what the role may do at the centre.
  public let softwareID: SoftwareID?
  /// By which exchange.
  public let session: AccessSession

  /// A permit.
  public init(client: AccessClientID, role: AccessRole, softwareID: SoftwareID?, session: AccessSession) {
    (self.client, self.role, self.softwareID, self.session) = (client, role, softwareID, session)
  }
}
