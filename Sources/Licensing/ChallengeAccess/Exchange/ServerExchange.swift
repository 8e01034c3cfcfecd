import Cryptography
import Formats
import Identifiers
import Octets

/// The server's side of one exchange: the method of claim 1 (C1), a step each, in the only order that there is.
///
/// A step that fails ends the exchange, and every step after it is ``AccessDenial/outOfOrder``. Nothing needs to be kept
/// between sending the message and its answer: the answer brings the message back under the server's own signature, so
/// that a request that nobody has proved changes nothing at the server. What must be kept is which sessions were
/// answered, until their messages are stale; see ``claim(isFirstAnswer:)``.
public struct ServerExchange: ~Copyable {
  /// The steps that were taken.
  public private(set) var trace: [AccessStep]
  /// The message; `nil` before it is generated, or before an answer's message is matched.
  public private(set) var message: AccessMessage?
  /// The request; `nil` while it comes from an answer that is not matched yet.
  public private(set) var request: AccessRequest?

  private var challenge: AccessChallenge?
  private var answer: AccessAnswer?
  private var response: AccessResponse?
  private var client: AccessClient?
  private var isOver = false

  /// Receives a request for software.
  public init(receiving octets: RawSpan) throws(AccessDenial) {
    do throws(FormatError) { request = try AccessRequest(parsing: octets) } catch { throw .malformed }
    trace = [.requestReceived]
  }

  /// Receives an answer to a message that an exchange before has sent. Whether one has, says ``match(session:under:of:at:within:)``.
  public init(resumingWith octets: RawSpan) throws(AccessDenial) {
    trace = [.requestReceived, .messageGenerated, .messageSigned, .messageSent]
    try receive(octets)
  }

  // MARK: To the client

  /// Generates the message: a random component with a time stamp inserted at an offset, and a request for configuration
  /// data (C4-C6, C10).
  public mutating func generate(
    as centerID: CenterID, at time: UInt64, asking items: some Sequence<ConfigurationItem>, random: any RandomSource
  ) throws(AccessDenial) {
    try expect(.messageGenerated)
    guard let request else { throw deny(.outOfOrder) }
    message = AccessMessage(for: request, from: centerID, at: time, asking: items, random: random)
    trace.append(.messageGenerated)
  }

  /// Signs the message with the server's private key, and for a card also the card's own challenge (C9).
  public mutating func sign(with key: borrowing SigningKey) throws(AccessDenial) {
    try expect(.messageSigned)
    guard let message else { throw deny(.outOfOrder) }
    let octets = message.encoded
    do {
      var proof: [UInt8]?
      if case .card(let serial) = message.request.client {
        proof = try key.sign(try AccessChallenge.cardProofInput(serial: serial, challenge: message.request.nonce))
      }
      challenge = AccessChallenge(message: octets, signature: try key.sign(octets), cardProof: proof)
    } catch {
      throw deny(.failed)
    }
    trace.append(.messageSigned)
  }

  /// Gives out what is to be sent to the client.
  public mutating func send() throws(AccessDenial) -> [UInt8] {
    try expect(.messageSent)
    guard let challenge else { throw deny(.outOfOrder) }
    trace.append(.messageSent)
    return challenge.encoded
  }

  // MARK: From the client

  /// Receives an answer; nothing in it is believed yet.
  public mutating func receive(_ octets: RawSpan) throws(AccessDenial) {
    try expect(.answerReceived)
    do throws(FormatError) {
      let answer = try AccessAnswer(parsing: octets)
      response = try AccessResponse(parsing: answer.response.span.bytes)
      self.answer = answer
    } catch {
      throw deny(.malformed)
    }
    trace.append(.answerReceived)
  }

  /// Determines whether the answer's message is the generated one (C8): signed by this server, of this session, and in
  /// time (C5).
  ///
  /// - Parameters:
  ///   - session: the one that the answer came in.
  ///   - keys: the server's own, every version that may have signed a message that is still good.
  ///   - now: seconds since 1970 UTC.
  public mutating func match(
    session: AccessSession, under keys: [VerificationKey], of centerID: CenterID, at now: UInt64,
    within window: AccessWindow
  ) throws(AccessDenial) {
    try expect(.messageMatched)
    guard let response else { throw deny(.outOfOrder) }
    if let challenge, challenge.message != response.message { throw deny(.messageDiffers) }
    guard isSigned(response.message, response.messageSignature, under: keys),
      let message = try? AccessMessage(parsing: response.message.span.bytes), message.centerID == centerID
    else { throw deny(.messageDiffers) }
    guard message.session == session else { throw deny(.otherSession) }
    switch window.check(message.time, at: now) {
    case .stale: throw deny(.stale)
    case .future: throw deny(.future)
    case .fresh: break
    }
    self.message = message
    request = message.request
    trace.append(.messageMatched)
  }

  /// Checks the answer's signature with the client's public key (C9), over message and configuration as they came (C11).
  ///
  /// - Parameter client: what the server knows of the client that the message names; `nil` for nothing.
  public mutating func authenticate(_ client: AccessClient?) throws(AccessDenial) {
    try expect(.clientAuthenticated)
    guard let request, let answer else { throw deny(.outOfOrder) }
    guard let client, client.id == request.client else { throw deny(.unknownClient) }
    do {
      try client.key.verify(
        try AccessResponse.signedOctets(of: answer.response, by: client.id), answer.signature)
    } catch {
      throw deny(.wrongClientKey)
    }
    self.client = client
    trace.append(.clientAuthenticated)
  }

  /// Goes on with the first answer to a message only (C8).
  ///
  /// - Parameter isFirstAnswer: whether the session was noted as answered just now, and had not been before. Only an
  ///   authentic answer gets here, so that nobody else can use a session up.
  public mutating func claim(isFirstAnswer: Bool) throws(AccessDenial) {
    try expect(.answerClaimed)
    guard isFirstAnswer else { throw deny(.replayed) }
    trace.append(.answerClaimed)
  }

  /// Determines whether the client is authorised, as what it asked for and with the configuration that it told (C10).
  public mutating func authorize() throws(AccessDenial) {
    try expect(.clientAuthorized)
    guard let request, let client, let message, let response else { throw deny(.outOfOrder) }
    guard !client.isRevoked else { throw deny(.revoked) }
    guard client.roles.contains(request.role) else { throw deny(.roleNotGranted) }
    guard Set(message.configurationAsked) == Set(response.configuration.values.keys) else {
      throw deny(.configurationIncomplete)
    }
    // By the rules of now: they may ask for more than they did when the message was made.
    if let objection = client.policy.objection(to: response.configuration) { throw deny(objection) }
    trace.append(.clientAuthorized)
  }

  /// Permits the client access.
  public mutating func permit() throws(AccessDenial) -> AccessPermit {
    try expect(.accessPermitted)
    guard let message else { throw deny(.outOfOrder) }
    trace.append(.accessPermitted)
    let request = message.request
    return AccessPermit(
      client: request.client, role: request.role, softwareID: request.softwareID, session: message.session)
  }

  /// Transmits software (C3). `source` is not asked for a single octet before access was permitted.
  public mutating func transmit<Octets>(_ source: () -> Octets) throws(AccessDenial) -> Octets {
    guard !isOver, trace.last == .accessPermitted || trace.last == .softwareTransmitted else {
      throw deny(.outOfOrder)
    }
    if trace.last == .accessPermitted { trace.append(.softwareTransmitted) }
    return source()
  }

  // MARK: Order

  private mutating func expect(_ step: AccessStep) throws(AccessDenial) {
    guard !isOver, trace.count == step.rawValue else { throw deny(.outOfOrder) }
  }

  private mutating func deny(_ denial: AccessDenial) -> AccessDenial {
    isOver = true
    return denial
  }
}

/// Whether one of these keys made the signature.
func isSigned(_ octets: [UInt8], _ signature: [UInt8], under keys: [VerificationKey]) -> Bool {
  keys.contains { key in (try? key.verify(octets, signature)) != nil }
}
