import Cryptography
import Identifiers
import Octets

/// What the user's side asks the centre for (M4, S1 of the seeds): IDk, SIDi and the wish for a licence.
///
/// A request claims nothing that the centre would have to believe: who vouches for the medium id is the centre's finding.
public struct LicenseRequest: Hashable, Sendable {
  /// The most octets of the encoding.
  public static let maximumOctetCount = 256
  private static let subject = "licence request"

  /// The request's own name: the same one again gets the same answer.
  public var operationID: OperationID
  /// The card that shall use the licence.
  public var cardSerial: CardSerial
  /// SIDi: the title.
  public var softwareID: SoftwareID
  /// IDk: the medium it shall be copied onto.
  public var mediumID: MediumID
  /// The terms asked for.
  public var terms: LicenseTerms

  /// A request.
  public init(
    operationID: OperationID, cardSerial: CardSerial, softwareID: SoftwareID, mediumID: MediumID,
    terms: LicenseTerms = .unlimited
  ) {
    self.operationID = operationID
    self.cardSerial = cardSerial
    self.softwareID = softwareID
    self.mediumID = mediumID
    self.terms = terms
  }

  /// What a drive is asked by to attest the medium for this request, 32 octets: its word is good for no other.
  public var attestationChallenge: [UInt8] { Digest.sha256(encoded) }

  /// The record.
  public var encoded: [UInt8] {
    var writer = RecordWriter(.licenseRequest)
    writer.put(.operationID, operationID.octets)
    writer.put(.cardSerial, cardSerial.octets)
    writer.put(.softwareID, softwareID.octets)
    writer.put(.mediumID, mediumID.octets)
    writer.put(.terms, terms.encoded)
    return writer.octets
  }

  /// Reads a record.
  public init(parsing octets: RawSpan) throws(FormatError) {
    var reader = try RecordReader(
      octets, .licenseRequest, limit: LicenseRequest.maximumOctetCount, subject: LicenseRequest.subject)
    operationID = try reader.value(.operationID, 16...16, "operation id") { OperationID(octets: $0) }
    cardSerial = try reader.value(.cardSerial, 8...8, "card serial") { CardSerial(octets: $0) }
    softwareID = try reader.value(.softwareID, 16...16, "software id") { SoftwareID(octets: $0) }
    mediumID = try reader.value(.mediumID, 1...MediumID.maximumOctetCount, "medium id") { MediumID(octets: $0) }
    let encodedTerms = try reader.take(.terms, exactly: LicenseTerms.octetCount, "terms")
    terms = try LicenseTerms(parsing: encodedTerms.span.bytes)
    try reader.expectEnd()
  }
}
