import ChallengeAccess
import Cryptography
import Formats
import Identifiers
import Octets

/// Lets cards and machines in, by challenge and answer (C1, C3-C6, C8-C11).
///
/// A client asks, gets a message under the centre's signature, answers it under its own, and gets a token. A request for
/// a message, and an answer that is not authentic, change nothing at the centre: the message comes back with its answer,
/// and the centre knows it by its own signature. What an authentic answer uses up is noted until its message is stale.
///
/// Each denial has its own reason (``AccessDenial``) for the log; to the outside all are ``CenterError/Code/denied(_:)``
/// with one text.
public struct AccessDesk: Sendable {
  let context: CenterContext

  /// How long a message may be answered.
  public static let window = AccessWindow.standard
  /// How long a token is good: a quarter of an hour.
  public static let tokenSeconds: UInt64 = 900
  /// How long an answered message is remembered after it has gone stale: clocks may be set back by less than a day.
  static let memorySeconds: UInt64 = 86_400

  /// A message for one request, and the session that it must be answered in.
  public struct Invitation: Hashable, Sendable {
    /// The session.
    public let session: AccessSession
    /// ``AccessChallenge/encoded``, for the client.
    public let challenge: [UInt8]
    /// Until when it may be answered, seconds since 1970 UTC.
    public let expiresAt: UInt64
  }

  /// Generates a message for a request (``AccessRequest/encoded``) and signs it. Changes nothing at the centre.
  ///
  /// Whoever asks under a name that the centre does not know gets a message too.
  ///
  /// - Throws: ``CenterError/Code/denied(_:)`` for octets that are no request.
  public func invite(_ request: [UInt8]) async throws(CenterError) -> Invitation {
    let request = try readRequest(request)
    let context = context
    let (asked, serverKey) = try await context.database.read { transaction in
      (
        try AccessClientRow.find(transaction, request.client, context.vault)?.record.policy.items ?? [],
        try AccessClientRow.serverKey(for: request.client, transaction, context)
      )
    }
    let octets = request.encoded
    do {
      let now = context.clock.now()
      var exchange = try ServerExchange(receiving: octets.span.bytes)
      try exchange.generate(as: context.facts.centerID, at: now, asking: asked, random: context.random)
      try exchange.sign(with: try Authority.signingKey(.timeSigning, as: serverKey, context.keys))
      let challenge = try exchange.send()
      guard let session = exchange.message?.session else { throw AccessDenial.failed }
      return Invitation(session: session, challenge: challenge, expiresAt: now &+ AccessDesk.window.lifetime)
    } catch let denial as AccessDenial {
      throw AccessDesk.denied(denial)
    } catch {
      throw CenterError(error, during: AccessDesk.operation)
    }
  }

  /// Verifies an answer (``AccessAnswer/encoded``) and permits access, or denies it.
  ///
  /// - Parameter session: the one that the answer came in.
  /// - Throws: ``CenterError/Code/denied(_:)``.
  public func admit(_ answer: [UInt8], in session: AccessSession) async throws(CenterError) -> AccessGrant {
    let context = context
    // Whatever proves nothing is turned away here, where others need not wait for it.
    let early = try await context.database.read { transaction in
      try AccessDesk.result {
        _ = try AccessDesk.authenticated(answer, session, transaction, context)
        guard try !AccessDesk.isAnswered(transaction, session) else { throw AccessDenial.replayed }
      }
    }
    if case .failure(let denial) = early { throw AccessDesk.denied(denial) }
    let token = AccessToken(random: context.random)
    // Checked once more where nothing can come in between, such as a revocation. What an authentic answer is denied for
    // stays written, so a denial is no error of this transaction.
    let outcome = try await context.database.write { transaction in
      try AccessDesk.result { try AccessDesk.admit(answer, session, token, transaction, context) }
    }
    do { return try outcome.get() } catch { throw AccessDesk.denied(error) }
  }
}

extension AccessDesk {
  static let operation = "Giving access"

  /// What the outside hears, whatever the reason.
  static func denied(_ denial: AccessDenial) -> CenterError {
    CenterError(
      .denied(denial), operation,
      remedy: "Begin again with a new request; if that is denied too, ask the centre whether you may have access.")
  }

  private func readRequest(_ octets: [UInt8]) throws(CenterError) -> AccessRequest {
    do { return try AccessRequest(parsing: octets.span.bytes) } catch { throw AccessDesk.denied(.malformed) }
  }

  /// Keeps a denial apart from a failure, which is thrown on.
  private static func result<Value>(_ body: () throws -> Value) throws -> Result<Value, AccessDenial> {
    do { return .success(try body()) } catch let denial as AccessDenial { return .failure(denial) }
  }

  /// The exchange after the steps that need no more than the answer itself and what the centre knows of its client.
  private static func authenticated(
    _ answer: [UInt8], _ session: AccessSession, _ transaction: any Transaction, _ context: CenterContext
  ) throws -> ServerExchange {
    var exchange = try ServerExchange(resumingWith: answer.span.bytes)
    try exchange.match(
      session: session, under: try serverKeys(context), of: context.facts.centerID, at: context.clock.now(),
      within: window)
    guard let id = exchange.request?.client else { throw AccessDenial.outOfOrder }
    let client = try AccessClientRow.find(transaction, id, context.vault)?.client(transaction, context)
    try exchange.authenticate(client)
    return exchange
  }

  /// Permits access and notes it, or denies it and notes that.
  ///
  /// Only a denial of somebody who proved who it is stands in the audit log, once for each message: anybody else could fill
  /// the log.
  private static func admit(
    _ answer: [UInt8], _ session: AccessSession, _ token: AccessToken, _ transaction: any Transaction,
    _ context: CenterContext
  ) throws -> AccessGrant {
    let now = context.clock.now()
    var exchange = try authenticated(answer, session, transaction, context)
    try exchange.claim(isFirstAnswer: try claim(session, transaction, at: now))
    guard let request = exchange.request else { throw AccessDenial.outOfOrder }
    let permit: AccessPermit
    do {
      try exchange.authorize()
      try expectTitle(request.softwareID, transaction)
      permit = try exchange.permit()
    } catch let denial as AccessDenial {
      try AuditLog.append(transaction, at: now, "access.deny", subject: request.client, detail: denial.rawValue)
      throw denial
    }
    let expiresAt = now &+ tokenSeconds
    try keep(token, for: permit, transaction, from: now, until: expiresAt)
    return AccessGrant(permit: permit, token: token, expiresAt: expiresAt)
  }

  private static func expectTitle(_ softwareID: SoftwareID?, _ transaction: any Transaction) throws {
    guard let softwareID else { return }
    let row = try transaction.first("SELECT 1 FROM titles WHERE software_id = $1", [.blob(softwareID.octets)])
    guard row != nil else { throw AccessDenial.unknownTitle }
  }

  /// The centre's own keys, under any of which a message that is still good may stand.
  private static func serverKeys(_ context: CenterContext) throws -> [VerificationKey] {
    try Authority.verificationKeys(.timeSigning, context.keys)
  }

  // MARK: Once

  private static func isAnswered(_ transaction: any Transaction, _ session: AccessSession) throws -> Bool {
    try transaction.first("SELECT 1 FROM access_answers WHERE session = $1", [.blob(session.octets)]) != nil
  }

  /// Notes that a session was answered, and forgets those that are long stale.
  ///
  /// - Returns: whether it had not been before.
  private static func claim(_ session: AccessSession, _ transaction: any Transaction, at now: UInt64) throws -> Bool {
    try transaction.run(
      "DELETE FROM access_answers WHERE stale_at < $1", [.number(now - min(now, AccessDesk.memorySeconds))])
    let rows = try transaction.run(
      """
      INSERT INTO access_answers (session, stale_at) VALUES ($1, $2) ON CONFLICT (session) DO NOTHING
      RETURNING stale_at
      """,
      [.blob(session.octets), .number(now &+ window.lifetime &+ window.tolerance)])
    return !rows.isEmpty
  }
}
