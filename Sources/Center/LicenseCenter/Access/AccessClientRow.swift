import ChallengeAccess
import Cryptography
import Formats
import Identifiers
import Octets

/// What the centre keeps about one client.
public struct AccessClientRecord: Hashable, Sendable {
  /// Who it is.
  public var id: AccessClientID
  /// What people call it; `nil` for a card, whose purchaser the issuer knows.
  public var name: String?
  /// As what it may have access.
  public var roles: Set<AccessRole>
  /// Which configurations of its system are authorised.
  public var policy: ConfigurationPolicy
  /// Since when it is known, seconds since 1970 UTC.
  public var registeredAt: UInt64
  /// Since when it has no access any more.
  public var revokedAt: UInt64?
}

/// A row of the client table, opened.
struct AccessClientRow {
  var record: AccessClientRecord
  /// A machine's key, 65 octets.
  var publicKey: [UInt8]?

  /// The row of a client; a card that was issued and never spoken of since is a holder.
  static func find(_ transaction: any Transaction, _ id: AccessClientID, _ vault: Vault) throws -> AccessClientRow? {
    if let row = try transaction.first("SELECT * FROM access_clients WHERE id = $1", [.blob(id.octets)]) {
      return try AccessClientRow(row, id, vault)
    }
    guard case .card(let serial) = id, let card = try CardRow.find(transaction, serial), card.state == .issued else {
      return nil
    }
    return AccessClientRow(
      record: AccessClientRecord(
        id: id, roles: [.holder], policy: .none, registeredAt: try card.row.number("issued_at")))
  }

  static func get(_ transaction: any Transaction, _ id: AccessClientID, _ vault: Vault) throws -> AccessClientRow {
    guard let row = try find(transaction, id, vault) else {
      throw CenterError(
        .notFound, "Looking up client \(id)", remedy: "Issue the card, or register the machine, first.")
    }
    return row
  }

  /// Every row of the table, oldest first.
  static func all(_ transaction: any Transaction, _ vault: Vault) throws -> [AccessClientRow] {
    try transaction.run("SELECT * FROM access_clients ORDER BY registered_at, id").map { row in
      try AccessClientRow(row, try row.value("id") { AccessClientID(octets: $0) }, vault)
    }
  }

  /// Rows by id.
  static func page(
    _ transaction: any Transaction, after last: AccessClientID?, limit: Int, _ vault: Vault
  ) throws -> [AccessClientRow] {
    try transaction.run(
      "SELECT * FROM access_clients WHERE id > $1 ORDER BY id LIMIT $2", [.blob(last?.octets ?? []), .number(limit)]
    ).map { row in
      try AccessClientRow(row, try row.value("id") { AccessClientID(octets: $0) }, vault)
    }
  }

  private init(_ row: SQLRow, _ id: AccessClientID, _ vault: Vault) throws {
    let policy = try vault.open(try row.octets("policy"), .clientPolicy, row: id.octets)
    let name = try row.optionalOctets("name").map { sealed in
      try vault.open(sealed, .clientName, row: id.octets).withBytes { String(decoding: $0.octets, as: UTF8.self) }
    }
    record = AccessClientRecord(
      id: id, name: name, roles: try row.value("roles", text: AccessClientRow.roles),
      policy: try policy.withBytes { (bytes) throws(FormatError) in try ConfigurationPolicy(parsing: bytes) },
      registeredAt: try row.number("registered_at"), revokedAt: try row.optionalNumber("revoked_at"))
    publicKey = try row.optionalOctets("public_key")
  }

  init(record: AccessClientRecord, publicKey: [UInt8]? = nil) {
    self.record = record
    self.publicKey = publicKey
  }

  /// Writes the row, in place of the one before.
  func put(_ transaction: any Transaction, _ vault: Vault) throws {
    let row = record.id.octets
    let name = try record.name.map { try vault.seal(Secret(copying: Array($0.utf8)), .clientName, row: row) }
    let policy = try vault.seal(Secret(copying: record.policy.encoded), .clientPolicy, row: row)
    try transaction.run(
      """
      INSERT INTO access_clients (id, public_key, roles, name, policy, registered_at, revoked_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7)
      ON CONFLICT (id) DO UPDATE SET public_key = $2, roles = $3, name = $4, policy = $5, registered_at = $6,
        revoked_at = $7
      """,
      [
        .blob(row), .octets(publicKey), .text(AccessClientRow.text(record.roles)), .octets(name), .blob(policy),
        .number(record.registeredAt), .number(record.revokedAt),
      ])
  }

  /// The roles' names in the order of their numbers, with commas between.
  static func text(_ roles: Set<AccessRole>) -> String {
    roles.sorted { $0.rawValue < $1.rawValue }.map(\.name).joined(separator: ",")
  }

  private static func roles(_ text: String) -> Set<AccessRole>? {
    let names = text.split(separator: ",")
    let roles = names.compactMap { AccessRole(name: String($0)) }
    return roles.count == names.count ? Set(roles) : nil
  }

  // MARK: Keys

  /// The centre's key that a client knows it by: for a card the one that its issue put on it, else the newest.
  static func serverKey(
    for id: AccessClientID, _ transaction: any Transaction, _ context: CenterContext
  ) throws -> VerificationKey {
    guard case .card(let serial) = id, let card = try CardRow.find(transaction, serial) else {
      return try VerificationKey(octets: context.facts.timeKey)
    }
    return try VerificationKey(octets: card.edition(context.facts).timeKey)
  }

  /// The client as an exchange wants it, with the key that its answers are checked with.
  ///
  /// - Throws: ``AccessDenial/certificateInvalid`` for a card whose certificate the authority does not bear out now.
  func client(_ transaction: any Transaction, _ context: CenterContext) throws -> AccessClient? {
    guard let key = try key(transaction, context) else { return nil }
    return AccessClient(
      id: record.id, key: key, roles: record.roles, policy: record.policy, isRevoked: record.revokedAt != nil)
  }

  /// A machine's registered key, or the key in a card's authentication certificate.
  private func key(_ transaction: any Transaction, _ context: CenterContext) throws -> VerificationKey? {
    guard case .card(let serial) = record.id else { return try publicKey.map(VerificationKey.init(octets:)) }
    let row = try transaction.first(
      "SELECT certificate FROM card_certificates WHERE card = $1 AND role = $2",
      [.blob(serial.octets), .text(CertificateRole.authentication.rawValue)])
    guard let octets = try row?.octets("certificate") else { return nil }
    // The authority that the card's issue put on it, which may be a former one of the centre.
    let edition = try CardRow.get(transaction, serial).edition(context.facts)
    do {
      let authority = try Certificate(der: edition.authorityCertificate)
      let certificate = try Certificate(der: octets)
      try certificate.verify(chainTo: authority, at: context.clock.now(), role: .cardAuthentication)
      return certificate.publicKey
    } catch {
      throw AccessDenial.certificateInvalid
    }
  }
}
