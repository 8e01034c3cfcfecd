import ChallengeAccess
import Cryptography
import Formats
import Identifiers
import Octets

/// Lets people in at a browser, which cannot answer challenges: by a code that was given to them, once.
///
/// The operator makes codes for whoever works at the counter or reads the books; a holder who got in by card makes one
/// for their own browser. Everything comes from the operation id that a request has, under the centre's key: repeating a
/// request repeats its answer, and the centre keeps neither codes nor tokens.
public struct SignInDesk: Sendable {
  let context: CenterContext
  /// How often codes may be tried from one address.
  public var limits = AttemptLimits()

  /// How long a code is good: ten minutes.
  public static let codeSeconds: UInt64 = 600
  /// How long holders stay signed in: half an hour.
  public static let holderSeconds: UInt64 = 1800
  /// How long those who work here stay signed in: eight hours.
  public static let deskSeconds: UInt64 = 28_800
  private static let offering = "Making a sign-in code"

  /// Makes a code that lets somebody sign in as `role`; the same operation again gives the same code.
  ///
  /// - Parameter client: whose session it will be; `nil` for somebody at the counter without a card, who gets a name for
  ///   this once. A holder is a card.
  /// - Throws: ``CenterError/Code/invalid`` for a role that nobody has at a browser, ``CenterError/Code/notFound`` for a
  ///   client that the centre does not know, ``CenterError/Code/denied(_:)`` for one that may not have the role,
  ///   ``CenterError/Code/keyReused`` when the operation was done before otherwise.
  public func offer(
    _ role: AccessRole, to client: AccessClientID?, operation: OperationID
  ) async throws(CenterError) -> SignInOffer {
    let isCard: Bool = if case .card = client { true } else { false }
    guard role != .machine, role != .holder || isCard else {
      throw CenterError(
        .invalid, SignInDesk.offering,
        remedy: "Sign in as counter or auditor, or as the holder of a card.")
    }
    let context = context
    return try await context.database.write { transaction in
      let code = try SignInDesk.code(operation, context.keys)
      let client = try client ?? SignInDesk.guest(operation, context.keys)
      let now = context.clock.now()
      try transaction.run("DELETE FROM sign_in_codes WHERE expires_at < $1", [.number(now - min(now, 86_400))])
      if let row = try SignInDesk.row(transaction, code, context.keys) {
        guard try row.octets("client") == client.octets, try row.text("role") == role.name else {
          throw CenterError(
            .keyReused, SignInDesk.offering, remedy: "This operation was done before for somebody else.")
        }
        return SignInOffer(code: code, role: role, client: client, expiresAt: try row.number("expires_at"))
      }
      try SignInDesk.expectRole(role, of: client, transaction, context)
      guard let name = try SignInDesk.names(code, context.keys).first else { throw SignInDesk.unknownKey }
      let expiresAt = now &+ SignInDesk.codeSeconds
      try transaction.run(
        "INSERT INTO sign_in_codes (name, client, role, made_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        [.blob(name), .blob(client.octets), .text(role.name), .number(now), .number(expiresAt)])
      try AuditLog.append(transaction, at: now, "access.offer", subject: client, detail: role.name)
      return SignInOffer(code: code, role: role, client: client, expiresAt: expiresAt)
    }
  }

  /// Takes a code and begins a session.
  ///
  /// - Parameters:
  ///   - operation: the attempt's own name: whoever sends the same again gets the same session.
  ///   - address: where it comes from, for the limit of attempts; a right code is taken however full that is.
  public func signIn(
    _ code: SignInCode, operation: OperationID, from address: String?
  ) async throws(CenterError) -> SignInAnswer {
    let (context, limits) = (context, limits)
    return try await context.database.write { transaction in
      let now = context.clock.now()
      let bucket = try AttemptBucket(
        of: RedeemingClient(address: address.map { "sign-in \($0)" }), limits, context.keys)
      let wait = try bucket.wait(transaction, at: now)
      if let grant = try SignInDesk.admit(code, operation, transaction, context, at: now) { return .granted(grant) }
      try bucket.fail(transaction, at: now)
      return wait > 0 ? .tooManyAttempts(retryAfter: wait) : .refused
    }
  }

  private static func admit(
    _ code: SignInCode, _ operation: OperationID, _ transaction: any Transaction, _ context: CenterContext,
    at now: UInt64
  ) throws -> SignInGrant? {
    guard let row = try row(transaction, code, context.keys) else { return nil }
    let client = try row.value("client") { AccessClientID(octets: $0) }
    let role = try row.value("role", text: { AccessRole(name: $0) })
    if let used = try row.optionalOctets("operation") {
      guard used == Digest.sha256(operation.octets) else { return nil }
      return try begun(code, operation, transaction, context, at: now)
    }
    guard try now <= row.number("expires_at") else { return nil }
    do { try expectRole(role, of: client, transaction, context) } catch { return nil }
    try transaction.run(
      "UPDATE sign_in_codes SET operation = $2 WHERE name = $1",
      [.blob(try row.octets("name")), .blob(Digest.sha256(operation.octets))])
    guard let token = try tokens(code, operation, context.keys).first,
      let session = AccessSession(octets: context.random.octets(AccessSession.octetCount))
    else { throw unknownKey }
    let expiresAt = now &+ (role == .holder ? holderSeconds : deskSeconds)
    let permit = AccessPermit(client: client, role: role, softwareID: nil, session: session)
    try AccessDesk.keep(token, for: permit, transaction, from: now, until: expiresAt)
    return SignInGrant(
      token: token, identity: AccessIdentity(client: client, role: role, softwareID: nil, expiresAt: expiresAt))
  }

  /// The session that this very attempt began before, as long as it lasts.
  private static func begun(
    _ code: SignInCode, _ operation: OperationID, _ transaction: any Transaction, _ context: CenterContext,
    at now: UInt64
  ) throws -> SignInGrant? {
    for token in try tokens(code, operation, context.keys) {
      guard
        let row = try transaction.first(
          "SELECT client, role, expires_at FROM access_tokens WHERE digest = $1", [.blob(token.digest)])
      else { continue }
      let identity = AccessIdentity(
        client: try row.value("client") { AccessClientID(octets: $0) },
        role: try row.value("role", text: { AccessRole(name: $0) }), softwareID: nil,
        expiresAt: try row.number("expires_at"))
      return now < identity.expiresAt ? SignInGrant(token: token, identity: identity) : nil
    }
    return nil
  }

  /// Whoever the centre knows by a card or machine has the role still; a name made for one session has nothing else.
  private static func expectRole(
    _ role: AccessRole, of client: AccessClientID, _ transaction: any Transaction, _ context: CenterContext
  ) throws {
    guard let record = try AccessClientRow.find(transaction, client, context.vault)?.record else {
      if case .machine = client, role != .holder { return }
      throw CenterError(.notFound, offering, remedy: "Issue the card first.")
    }
    guard record.revokedAt == nil, record.roles.contains(role) else { throw AccessDesk.denied(.roleNotGranted) }
  }

  // MARK: What comes from an operation

  private static func code(_ operation: OperationID, _ keys: KeyStore) throws -> SignInCode {
    let octets = try derive("sign-in code", [operation.octets], try keys.currentVersion(of: .clientLookup), keys)
    guard let code = SignInCode(octets: Array(octets.prefix(RetrievalCode.octetCount))) else { throw unknownKey }
    return code
  }

  private static func guest(_ operation: OperationID, _ keys: KeyStore) throws -> AccessClientID {
    let octets = try derive("sign-in guest", [operation.octets], try keys.currentVersion(of: .clientLookup), keys)
    guard let machine = MachineID(octets: Array(octets.prefix(MachineID.octetCount))) else { throw unknownKey }
    return .machine(machine)
  }

  private static func names(_ code: SignInCode, _ keys: KeyStore) throws -> [[UInt8]] {
    try keys.versions(of: .clientLookup).map { try derive("sign-in name", [code.octets], $0, keys) }
  }

  private static func tokens(
    _ code: SignInCode, _ operation: OperationID, _ keys: KeyStore
  ) throws -> [AccessToken] {
    try keys.versions(of: .clientLookup).compactMap { version in
      AccessToken(octets: try derive("sign-in token", [code.octets, operation.octets], version, keys))
    }
  }

  private static func row(
    _ transaction: any Transaction, _ code: SignInCode, _ keys: KeyStore
  ) throws -> SQLRow? {
    for name in try names(code, keys) {
      if let row = try transaction.first("SELECT * FROM sign_in_codes WHERE name = $1", [.blob(name)]) { return row }
    }
    return nil
  }

  private static func derive(
    _ label: String, _ parts: [[UInt8]], _ version: UInt32, _ keys: KeyStore
  ) throws -> [UInt8] {
    try keys.tag(typedOctets(label, parts), .clientLookup, version: version)
  }

  private static var unknownKey: CenterError {
    CenterError(.keyStore, offering, remedy: "Check the centre's key store.")
  }
}
