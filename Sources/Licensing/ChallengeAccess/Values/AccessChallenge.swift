import CardProtocol
import Cryptography
import Formats
import Identifiers
import Octets

/// A message as the centre sends it: signed, which the source calls encrypted with its private key (C9; decision 0001).
public struct AccessChallenge: Hashable, Sendable {
  /// The most octets of the encoding.
  public static let maximumOctetCount = 512
  static let signatureOctets = 64
  private static let subject = "access challenge"

  /// The record of the message. It is not read before its signature is checked.
  public var message: [UInt8]
  /// The centre's signature over it, 64 octets.
  public var signature: [UInt8]
  /// The centre's signature over the card's own challenge, for EXTERNAL AUTHENTICATE, 64 octets; `nil` for a machine.
  public var cardProof: [UInt8]?

  /// The record.
  public var encoded: [UInt8] {
    var writer = RecordWriter(.accessChallenge)
    writer.put(.accessMessage, message)
    writer.put(.signature, signature)
    writer.put(.cardProof, cardProof ?? [])
    return writer.octets
  }

  init(message: [UInt8], signature: [UInt8], cardProof: [UInt8]?) {
    self.message = message
    self.signature = signature
    self.cardProof = cardProof
  }

  /// Reads a record, its form only.
  public init(parsing octets: RawSpan) throws(FormatError) {
    let subject = AccessChallenge.subject
    var reader = try RecordReader(octets, .accessChallenge, limit: AccessChallenge.maximumOctetCount, subject: subject)
    message = try reader.take(.accessMessage, 1...AccessMessage.maximumOctetCount, "message")
    signature = try reader.take(.signature, exactly: AccessChallenge.signatureOctets, "signature")
    let proof = try reader.take(.cardProof, 0...AccessChallenge.signatureOctets, "proof for the card")
    guard [0, AccessChallenge.signatureOctets].contains(proof.count) else {
      throw FormatError(.invalid, "\(subject), proof for the card")
    }
    cardProof = proof.isEmpty ? nil : proof
    try reader.expectEnd()
  }

  /// What the centre signs to prove itself to the card that gave `challenge` (``SignedStructure/externalAuthenticate``).
  static func cardProofInput(serial: CardSerial, challenge: [UInt8]) throws(OctetError) -> [UInt8] {
    let buffer = OctetBuffer(capacity: 256)
    try buffer.becomeCenterAuthenticationInput(serial: serial.octets.span.bytes, challenge: challenge.span.bytes)
    return buffer.withBytes { $0.octets }
  }
}

/// What the client makes of a message (C8, C11): the message as it came, and its own configuration data beside it. Both are
/// under the client's signature.
struct AccessResponse: Hashable, Sendable {
  /// The most octets of the encoding.
  static let maximumOctetCount = 1_024
  private static let subject = "access response"

  /// The record of the message.
  var message: [UInt8]
  /// The centre's signature over it.
  var messageSignature: [UInt8]
  /// What the client tells of its system.
  var configuration: ConfigurationData

  var encoded: [UInt8] {
    var writer = RecordWriter(.accessResponse)
    writer.put(.accessMessage, message)
    writer.put(.signature, messageSignature)
    writer.put(.configuration, configuration.encoded)
    return writer.octets
  }

  init(message: [UInt8], messageSignature: [UInt8], configuration: ConfigurationData) {
    self.message = message
    self.messageSignature = messageSignature
    self.configuration = configuration
  }

  init(parsing octets: RawSpan) throws(FormatError) {
    let subject = AccessResponse.subject
    var reader = try RecordReader(octets, .accessResponse, limit: AccessResponse.maximumOctetCount, subject: subject)
    message = try reader.take(.accessMessage, 1...AccessMessage.maximumOctetCount, "message")
    messageSignature = try reader.take(.signature, exactly: AccessChallenge.signatureOctets, "message's signature")
    let octets = try reader.take(.configuration, 1...ConfigurationData.maximumOctetCount, "configuration")
    configuration = try ConfigurationData(parsing: octets.span.bytes)
    try reader.expectEnd()
  }

  /// What a card is asked to authenticate by: it signs it inside a structure of its own (INTERNAL AUTHENTICATE).
  static func cardChallenge(of response: [UInt8]) -> [UInt8] { Digest.sha256(response) }

  /// What the client signs: the response's record itself, or what a card builds around its digest.
  static func signedOctets(of response: [UInt8], by client: AccessClientID) throws(OctetError) -> [UInt8] {
    guard case .card(let serial) = client else { return response }
    let challenge = cardChallenge(of: response)
    let buffer = OctetBuffer(capacity: 256)
    try buffer.becomeAuthenticationInput(serial: serial.octets.span.bytes, challenge: challenge.span.bytes)
    return buffer.withBytes { $0.octets }
  }
}

/// A response and the client's signature over it: what goes back to the centre.
public struct AccessAnswer: Hashable, Sendable {
  /// The most octets of the encoding.
  public static let maximumOctetCount = 1_152
  private static let subject = "access answer"

  /// The record of the response.
  public var response: [UInt8]
  /// The client's signature, 64 octets.
  public var signature: [UInt8]

  /// The record.
  public var encoded: [UInt8] {
    var writer = RecordWriter(.accessAnswer)
    writer.put(.accessResponse, response)
    writer.put(.signature, signature)
    return writer.octets
  }

  init(response: [UInt8], signature: [UInt8]) {
    self.response = response
    self.signature = signature
  }

  /// Reads a record, its form only.
  public init(parsing octets: RawSpan) throws(FormatError) {
    var reader = try RecordReader(
      octets, .accessAnswer, limit: AccessAnswer.maximumOctetCount, subject: AccessAnswer.subject)
    response = try reader.take(.accessResponse, 1...AccessResponse.maximumOctetCount, "response")
    signature = try reader.take(.signature, exactly: AccessChallenge.signatureOctets, "signature")
    try reader.expectEnd()
  }
}
