import ChallengeAccess
import Identifiers

/// Tokens: what they are good for, and their end.
extension AccessDesk {
  /// Whose request it is that comes with a token.
  ///
  /// - Throws: ``CenterError/Code/denied(_:)`` for a token that this centre did not give, that has expired, was given back,
  ///   or whose client was revoked or had its roles changed since.
  public func identity(of token: AccessToken) async throws(CenterError) -> AccessIdentity {
    let context = context
    let identity = try await context.database.read { transaction -> AccessIdentity? in
      guard
        let row = try transaction.first(
          "SELECT client, role, software_id, expires_at FROM access_tokens WHERE digest = $1", [.blob(token.digest)])
      else { return nil }
      let title = try row.optionalOctets("software_id").flatMap { SoftwareID(octets: $0) }
      let identity = AccessIdentity(
        client: try row.value("client") { AccessClientID(octets: $0) },
        role: try row.value("role", text: { AccessRole(name: $0) }), softwareID: title,
        expiresAt: try row.number("expires_at"))
      return context.clock.now() < identity.expiresAt ? identity : nil
    }
    guard let identity else { throw AccessDesk.denied(.tokenInvalid) }
    return identity
  }

  /// Ends a token; one that is over already stays so.
  public func end(_ token: AccessToken) async throws(CenterError) {
    let context = context
    try await context.database.write { transaction in
      let rows = try transaction.run(
        "DELETE FROM access_tokens WHERE digest = $1 RETURNING client", [.blob(token.digest)])
      guard let row = rows.first else { return }
      let client = try row.value("client") { AccessClientID(octets: $0) }
      try AuditLog.append(transaction, at: context.clock.now(), "access.end", subject: client)
    }
  }

  /// Keeps a new token's digest, and forgets the tokens that have expired.
  static func keep(
    _ token: AccessToken, for permit: AccessPermit, _ transaction: any Transaction, from now: UInt64,
    until expiresAt: UInt64
  ) throws {
    try transaction.run("DELETE FROM access_tokens WHERE expires_at <= $1", [.number(now)])
    try transaction.run(
      """
      INSERT INTO access_tokens (digest, client, role, software_id, session, issued_at, expires_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7)
      """,
      [
        .blob(token.digest), .blob(permit.client.octets), .text(permit.role.name),
        .octets(permit.softwareID?.octets), .blob(permit.session.octets), .number(now), .number(expiresAt),
      ])
    try AuditLog.append(transaction, at: now, "access.grant", subject: permit.client, detail: permit.role.name)
  }

  /// Ends every token of a client.
  static func endTokens(of client: AccessClientID, _ transaction: any Transaction) throws {
    try transaction.run("DELETE FROM access_tokens WHERE client = $1", [.blob(client.octets)])
  }
}
