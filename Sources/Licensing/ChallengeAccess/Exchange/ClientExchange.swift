import Cryptography
import Formats
import Identifiers
import Octets

/// The client's side of one exchange: the method of claim 12 (C12), a step each, in the only order that there is.
///
/// A step that fails ends the exchange. No device is touched here: whoever drives a card asks it for the nonce, shows it
/// ``cardProof``, has it authenticate by ``cardChallenge()`` and brings the signature back.
public struct ClientExchange: ~Copyable {
  /// What the server is asked for.
  public let request: AccessRequest

  /// The server's message; `nil` before it was believed.
  public private(set) var message: AccessMessage?
  /// By which a card knows its centre (EXTERNAL AUTHENTICATE), 64 octets; `nil` for a machine, or before the message.
  public private(set) var cardProof: [UInt8]?

  private var challenge: AccessChallenge?
  private var response: [UInt8]?
  private var signature: [UInt8]?
  private var isOver = false

  /// An exchange that begins with this request.
  public init(_ request: AccessRequest) { self.request = request }

  /// Receives the server's message, and refuses one that the server has not signed (C9).
  ///
  /// - Parameters:
  ///   - keys: the server's public keys, which the client keeps.
  ///   - now: the client's time, seconds since 1970 UTC; `nil` for a client without a clock that can be trusted.
  public mutating func receive(
    _ octets: RawSpan, under keys: [VerificationKey], at now: UInt64? = nil, within window: AccessWindow = .standard
  ) throws(AccessRefusal) {
    guard !isOver, challenge == nil else { throw refuse(.outOfOrder) }
    let challenge: AccessChallenge
    do throws(FormatError) { challenge = try AccessChallenge(parsing: octets) } catch { throw refuse(.malformed) }
    guard isSigned(challenge.message, challenge.signature, under: keys) else { throw refuse(.wrongServerKey) }
    let message: AccessMessage
    do throws(FormatError) {
      message = try AccessMessage(parsing: challenge.message.span.bytes)
    } catch {
      throw refuse(.malformed)
    }
    guard message.request == request else { throw refuse(.otherRequest) }
    switch now.map({ window.check(message.time, at: $0) }) {
    case .stale: throw refuse(.stale)
    case .future: throw refuse(.future)
    case .fresh, nil: break
    }
    self.challenge = challenge
    self.message = message
    cardProof = challenge.cardProof
  }

  /// Adds configuration data to the message, before the client's own private-key step (C11).
  ///
  /// - Parameter configuration: a value for each item of ``AccessMessage/configurationAsked``, and no other.
  public mutating func add(_ configuration: ConfigurationData) throws(AccessRefusal) {
    guard !isOver, let challenge, let message, response == nil else { throw refuse(.outOfOrder) }
    guard Set(message.configurationAsked) == Set(configuration.values.keys) else {
      throw refuse(.configurationMismatch)
    }
    response =
      AccessResponse(
        message: challenge.message, messageSignature: challenge.signature, configuration: configuration
      ).encoded
  }

  /// Signs the response with the machine's private key.
  public mutating func sign(with key: borrowing SigningKey) throws(AccessRefusal) {
    guard !isOver, let response, case .machine = request.client else { throw refuse(.outOfOrder) }
    do { try attach(signature: try key.sign(response)) } catch { throw refuse(.failed) }
  }

  /// What a card is to authenticate by, 32 octets: the digest of the response.
  public mutating func cardChallenge() throws(AccessRefusal) -> [UInt8] {
    guard !isOver, let response, case .card = request.client else { throw refuse(.outOfOrder) }
    return AccessResponse.cardChallenge(of: response)
  }

  /// Takes the client's signature, 64 octets, which a card or another holder of the key has made.
  public mutating func attach(signature: [UInt8]) throws(AccessRefusal) {
    guard !isOver, response != nil, self.signature == nil else { throw refuse(.outOfOrder) }
    guard signature.count == AccessChallenge.signatureOctets else { throw refuse(.malformed) }
    self.signature = signature
  }

  /// Gives out the answer that is to be sent to the server, and the session that it belongs to.
  public mutating func answer() throws(AccessRefusal) -> (session: AccessSession, octets: [UInt8]) {
    guard !isOver, let message, let response, let signature else { throw refuse(.outOfOrder) }
    return (message.session, AccessAnswer(response: response, signature: signature).encoded)
  }

  private mutating func refuse(_ refusal: AccessRefusal) -> AccessRefusal {
    isOver = true
    return refusal
  }
}
