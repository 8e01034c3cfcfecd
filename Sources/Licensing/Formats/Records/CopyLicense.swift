import Cryptography
import Identifiers
import Octets

/// The centre's licence to copy one title onto one medium for one card (M5): what S2 of the seeds answers, and what S3
/// writes to the predetermined region of the medium (M6).
///
/// Encoding: a record (see ``RecordWriter``) of at most ``maximumOctetCount`` octets, signature last. A licence is good
/// for nothing before ``verify(under:)``; prefer ``open(_:under:)``, which never hands out an unverified one.
public struct CopyLicense: Hashable, Sendable {
  /// The most octets of the encoding.
  public static let maximumOctetCount = 1024
  /// Octets of the certificate code CS.
  public static let certificateCodeOctets = 16
  /// Octets of a wrapped 32-octet key (RFC 3394).
  public static let wrappedKeyOctets = 40
  /// Octets of the signature, r ‖ s.
  public static let signatureOctets = 64
  private static let subject = "copy licence"

  /// The licence's number, unique at its centre.
  public var number: UInt64
  /// IDc: the centre that gave it.
  public var centerID: CenterID
  /// Version of the certification root that KEYc was derived from.
  public var rootVersion: UInt32
  /// The card that can use it.
  public var cardSerial: CardSerial
  /// SIDi: the title.
  public var softwareID: SoftwareID
  /// IDk: the medium.
  public var mediumID: MediumID
  /// Who vouched for the medium id when the licence was asked for.
  public var mediumIDStrength: MediumIDStrength
  /// The terms.
  public var terms: LicenseTerms
  /// CS = CMAC(KEYc, software id ‖ medium id ‖ terms), 16 octets.
  public var certificateCode: [UInt8]
  /// E_KU(KEYc), 40 octets.
  public var wrappedCertificationKey: [UInt8]
  /// E(Kd), 40 octets.
  public var wrappedContentKey: [UInt8]
  /// When the centre gave it, seconds since 1970 UTC.
  public var issuedAt: UInt64
  /// The centre's signature over ``signedOctets``, 64 octets; empty while it is being made.
  public var signature: [UInt8]

  /// A licence; see the properties for the shapes.
  public init(
    number: UInt64, centerID: CenterID, rootVersion: UInt32, cardSerial: CardSerial, softwareID: SoftwareID,
    mediumID: MediumID, mediumIDStrength: MediumIDStrength, terms: LicenseTerms, certificateCode: [UInt8],
    wrappedCertificationKey: [UInt8], wrappedContentKey: [UInt8], issuedAt: UInt64, signature: [UInt8] = []
  ) {
    self.number = number
    self.centerID = centerID
    self.rootVersion = rootVersion
    self.cardSerial = cardSerial
    self.softwareID = softwareID
    self.mediumID = mediumID
    self.mediumIDStrength = mediumIDStrength
    self.terms = terms
    self.certificateCode = certificateCode
    self.wrappedCertificationKey = wrappedCertificationKey
    self.wrappedContentKey = wrappedContentKey
    self.issuedAt = issuedAt
    self.signature = signature
  }

  /// What the signature covers: the whole record but its last field.
  public var signedOctets: [UInt8] { writer.octets }

  /// The whole record.
  public var encoded: [UInt8] {
    var writer = writer
    writer.put(.signature, signature)
    return writer.octets
  }

  private var writer: RecordWriter {
    var writer = RecordWriter(.copyLicense)
    writer.put(.number, number)
    writer.put(.centerID, centerID.octets)
    writer.put(.rootVersion, rootVersion)
    writer.put(.cardSerial, cardSerial.octets)
    writer.put(.softwareID, softwareID.octets)
    writer.put(.mediumID, mediumID.octets)
    writer.put(.mediumIDStrength, mediumIDStrength.rawValue)
    writer.put(.terms, terms.encoded)
    writer.put(.certificateCode, certificateCode)
    writer.put(.wrappedCertificationKey, wrappedCertificationKey)
    writer.put(.wrappedContentKey, wrappedContentKey)
    writer.put(.time, issuedAt)
    return writer
  }

  /// Reads a record; says nothing about its signature.
  public init(parsing octets: RawSpan) throws(FormatError) {
    var reader = try RecordReader(
      octets, .copyLicense, limit: CopyLicense.maximumOctetCount, subject: CopyLicense.subject)
    number = try reader.integer(.number, "number")
    centerID = try reader.value(.centerID, 16...16, "centre id") { CenterID(octets: $0) }
    rootVersion = try reader.integer(.rootVersion, "root version")
    cardSerial = try reader.value(.cardSerial, 8...8, "card serial") { CardSerial(octets: $0) }
    softwareID = try reader.value(.softwareID, 16...16, "software id") { SoftwareID(octets: $0) }
    mediumID = try reader.value(.mediumID, 1...MediumID.maximumOctetCount, "medium id") { MediumID(octets: $0) }
    mediumIDStrength = try reader.value(.mediumIDStrength, 1...1, "strength of the medium id") {
      $0.first.flatMap(MediumIDStrength.init)
    }
    let encodedTerms = try reader.take(.terms, exactly: LicenseTerms.octetCount, "terms")
    terms = try LicenseTerms(parsing: encodedTerms.span.bytes)
    certificateCode = try reader.take(
      .certificateCode, exactly: CopyLicense.certificateCodeOctets, "certificate code")
    wrappedCertificationKey = try reader.take(
      .wrappedCertificationKey, exactly: CopyLicense.wrappedKeyOctets, "wrapped certification key")
    wrappedContentKey = try reader.take(
      .wrappedContentKey, exactly: CopyLicense.wrappedKeyOctets, "wrapped content key")
    issuedAt = try reader.integer(.time, "time")
    signature = try reader.take(.signature, exactly: CopyLicense.signatureOctets, "signature")
    try reader.expectEnd()
  }

  /// Checks the centre's signature. Nothing else of a licence may be used before.
  ///
  /// - Throws: ``FormatError/Code/notAuthentic``.
  public func verify(under key: VerificationKey) throws(FormatError) {
    do {
      try key.verify(signedOctets, signature)
    } catch {
      throw FormatError(.notAuthentic, CopyLicense.subject)
    }
  }

  /// Reads a record and checks its signature before anything else of it can be seen.
  public static func open(_ octets: RawSpan, under key: VerificationKey) throws(FormatError) -> CopyLicense {
    let license = try CopyLicense(parsing: octets)
    try license.verify(under: key)
    return license
  }

  /// The octets that the certificate code is computed over: software id ‖ medium id ‖ terms as typed fields. Also the
  /// context from which the key around the content key is derived.
  public var certificateInput: [UInt8] {
    CopyLicense.certificateInput(softwareID: softwareID, mediumID: mediumID, terms: terms)
  }

  /// The input of CS for these ids and terms.
  public static func certificateInput(softwareID: SoftwareID, mediumID: MediumID, terms: LicenseTerms) -> [UInt8] {
    func field(_ type: FieldType, _ value: [UInt8]) -> [UInt8] {
      [type.rawValue] + bigEndian(UInt16(clamping: value.count)) + value
    }
    return field(.softwareID, softwareID.octets) + field(.mediumID, mediumID.octets) + field(.terms, terms.encoded)
  }
}
