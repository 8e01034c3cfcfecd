import Formats
import Identifiers
import Octets

/// What a client begins with: who asks, as what, and for which software (C1, C12). It is signed by nobody; the answer to
/// the message that it brings forth proves it.
public struct AccessRequest: Hashable, Sendable {
  /// The most octets of the encoding.
  public static let maximumOctetCount = 128
  /// Octets of a nonce.
  public static let nonceOctets = 32
  private static let subject = "access request"

  /// Who asks.
  public var client: AccessClientID
  /// As what.
  public var role: AccessRole
  /// For which title; `nil` for what the role may do at the centre.
  public var softwareID: SoftwareID?
  /// What the centre must answer to, 32 octets: a card's own challenge, by which the card will know its centre (C9), or
  /// octets of chance.
  public var nonce: [UInt8]

  /// A request.
  ///
  /// - Throws: ``FormatError/Code/invalid`` for a nonce of another length.
  public init(
    client: AccessClientID, role: AccessRole, softwareID: SoftwareID? = nil, nonce: [UInt8]
  ) throws(FormatError) {
    guard nonce.count == AccessRequest.nonceOctets else {
      throw FormatError(.invalid, "\(AccessRequest.subject), nonce")
    }
    self.client = client
    self.role = role
    self.softwareID = softwareID
    self.nonce = nonce
  }

  /// The record.
  public var encoded: [UInt8] {
    var writer = RecordWriter(.accessRequest)
    writer.put(.client, client.octets)
    writer.put(.role, role.rawValue)
    writer.put(.softwareID, softwareID?.octets ?? [])
    writer.put(.nonce, nonce)
    return writer.octets
  }

  /// Reads a record.
  public init(parsing octets: RawSpan) throws(FormatError) {
    var reader = try RecordReader(
      octets, .accessRequest, limit: AccessRequest.maximumOctetCount, subject: AccessRequest.subject)
    client = try reader.value(.client, 8...16, "client") { AccessClientID(octets: $0) }
    role = try reader.value(.role, 1...1, "role") { $0.first.flatMap(AccessRole.init(rawValue:)) }
    let title = try reader.take(.softwareID, 0...SoftwareID.octetCount, "software id")
    softwareID = SoftwareID(octets: title)
    guard title.isEmpty || softwareID != nil else {
      throw FormatError(.invalid, "\(AccessRequest.subject), software id")
    }
    nonce = try reader.take(.nonce, exactly: AccessRequest.nonceOctets, "nonce")
    try reader.expectEnd()
  }
}
