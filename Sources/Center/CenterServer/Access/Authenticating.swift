import Identifiers

/// What a caller may be.
public enum Role: String, CaseIterable, Sendable {
  /// Works at the counter, for every holder.
  case counter
  /// Has a card.
  case holder
  /// Is a program that presses discs, copies titles or watches the server.
  case machine
  /// Reads what happened.
  case auditor
}

/// Who calls.
public struct Identity: Hashable, Sendable {
  /// A name that stays the same for the same caller. It is no personal data: what is kept for a caller is kept under it.
  public var name: String
  /// What the caller may be.
  public var roles: Set<Role>
  /// The holder's card.
  public var card: CardSerial?
  /// The one title that the caller asked for access to; `nil` for everything that its roles may do.
  public var softwareID: SoftwareID?

  /// A caller.
  public init(name: String, roles: Set<Role>, card: CardSerial? = nil, softwareID: SoftwareID? = nil) {
    self.name = name
    self.roles = roles
    self.card = card
    self.softwareID = softwareID
  }
}

/// Knows callers by their tokens (RFC 6750).
public protocol Authenticating: Sendable {
  /// Who was given this token; `nil` when it is nobody's, over, or taken back. The difference is the log's business.
  ///
  /// - Throws: what the centre throws when it cannot find out.
  func identity(bearing token: [UInt8]) async throws -> Identity?
}
