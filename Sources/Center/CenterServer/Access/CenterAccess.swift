import ChallengeAccess
import Identifiers
import LicenseCenter

/// Callers whom the centre let in by challenge and answer: their tokens are those of its access desk.
public struct CenterAccess: Authenticating {
  private let desk: AccessDesk

  /// The callers of a centre.
  public init(_ center: Center) { desk = center.access }

  /// Who was given this token.
  public func identity(bearing token: [UInt8]) async throws(CenterError) -> Identity? {
    guard let token = AccessToken(String(decoding: token, as: UTF8.self)) else { return nil }
    do throws(CenterError) {
      return Identity(try await desk.identity(of: token))
    } catch {
      guard case .denied = error.code else { throw error }
      return nil
    }
  }
}

/// Callers whom any of several knows: those of the centre, and a monitor with a token of its own.
public struct AnyAuthentication: Authenticating {
  private let all: [any Authenticating]

  /// Asked in this order.
  public init(_ all: any Authenticating...) { self.all = all }

  /// Who was given this token.
  public func identity(bearing token: [UInt8]) async throws -> Identity? {
    for one in all {
      if let identity = try await one.identity(bearing: token) { return identity }
    }
    return nil
  }
}

extension Identity {
  /// A client that has access.
  init(_ access: AccessIdentity) {
    var card: CardSerial?
    if case .card(let serial) = access.client { card = serial }
    self.init(
      name: access.client.description, roles: [Role(access.role)], card: card, softwareID: access.softwareID)
  }
}

extension Role {
  /// What somebody has access as.
  init(_ role: AccessRole) {
    switch role {
    case .counter: self = .counter
    case .holder: self = .holder
    case .machine: self = .machine
    case .auditor: self = .auditor
    }
  }
}
