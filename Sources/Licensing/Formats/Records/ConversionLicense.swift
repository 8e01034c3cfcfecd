import Cryptography
import Identifiers
import Octets

/// The centre's licence to copy one title onto one medium with one card by conversion keys: what S14 of the seeds
/// answers (M12), and what lies in the predetermined region of the medium (41 of the seeds, M13).
///
/// Both wrapped keys stand in it as they came: E_Mid(Ku), which opens the copy, and E_Mid(Ka), which opens the title on
/// its master disc. Only the card that it is for opens either, and only for this medium id, and Ka for this software id.
///
/// Encoding: a record (see ``RecordWriter``) of at most ``maximumOctetCount`` octets, signature last. A licence is good
/// for nothing before ``verify(under:)``; prefer ``open(_:under:)``, which never hands out an unverified one.
public struct ConversionLicense: Hashable, Sendable {
  /// The most octets of the encoding.
  public static let maximumOctetCount = 1024
  /// Octets of a wrapped 32-octet key (RFC 3394).
  public static let wrappedKeyOctets = 40
  /// Octets of the signature, r ‖ s.
  public static let signatureOctets = 64
  private static let subject = "conversion licence"

  /// The licence's number, unique at its centre.
  public var number: UInt64
  /// IDc: the centre that gave it.
  public var centerID: CenterID
  /// Version of the master key KM that Ku was derived from.
  public var rootVersion: UInt32
  /// The card that can use it.
  public var cardSerial: CardSerial
  /// DID: the title.
  public var softwareID: SoftwareID
  /// Mid: the medium.
  public var mediumID: MediumID
  /// Who vouched for the medium id when the licence was asked for.
  public var mediumIDStrength: MediumIDStrength
  /// The terms.
  public var terms: LicenseTerms
  /// E_Mid(Ku), 40 octets.
  public var wrappedMediumKey: [UInt8]
  /// E_Mid(Ka), 40 octets.
  public var wrappedMasterKey: [UInt8]
  /// When the centre gave it, seconds since 1970 UTC.
  public var issuedAt: UInt64
  /// The centre's signature over ``signedOctets``, 64 octets; empty while it is being made.
  public var signature: [UInt8]

  /// A licence; see the properties for the shapes.
  public init(
    number: UInt64, centerID: CenterID, rootVersion: UInt32, cardSerial: CardSerial, softwareID: SoftwareID,
    mediumID: MediumID, mediumIDStrength: MediumIDStrength, terms: LicenseTerms, wrappedMediumKey: [UInt8],
    wrappedMasterKey: [UInt8], issuedAt: UInt64, signature: [UInt8] = []
  ) {
    self.number = number
    self.centerID = centerID
    self.rootVersion = rootVersion
    self.cardSerial = cardSerial
    self.softwareID = softwareID
    self.mediumID = mediumID
    self.mediumIDStrength = mediumIDStrength
    self.terms = terms
    self.wrappedMediumKey = wrappedMediumKey
    self.wrappedMasterKey = wrappedMasterKey
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
    var writer = RecordWriter(.conversionLicense)
    writer.put(.number, number)
    writer.put(.centerID, centerID.octets)
    writer.put(.rootVersion, rootVersion)
    writer.put(.cardSerial, cardSerial.octets)
    writer.put(.softwareID, softwareID.octets)
    writer.put(.mediumID, mediumID.octets)
    writer.put(.mediumIDStrength, mediumIDStrength.rawValue)
    writer.put(.terms, terms.encoded)
    writer.put(.wrappedMediumKey, wrappedMediumKey)
    writer.put(.wrappedMasterKey, wrappedMasterKey)
    writer.put(.time, issuedAt)
    return writer
  }

  /// Reads a record; says nothing about its signature.
  public init(parsing octets: RawSpan) throws(FormatError) {
    var reader = try RecordReader(
      octets, .conversionLicense, limit: ConversionLicense.maximumOctetCount, subject: ConversionLicense.subject)
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
    wrappedMediumKey = try reader.take(
      .wrappedMediumKey, exactly: ConversionLicense.wrappedKeyOctets, "wrapped target medium key")
    wrappedMasterKey = try reader.take(
      .wrappedMasterKey, exactly: ConversionLicense.wrappedKeyOctets, "wrapped master medium key")
    issuedAt = try reader.integer(.time, "time")
    signature = try reader.take(.signature, exactly: ConversionLicense.signatureOctets, "signature")
    try reader.expectEnd()
  }

  /// Checks the centre's signature. Nothing else of a licence may be used before.
  ///
  /// - Throws: ``FormatError/Code/notAuthentic``.
  public func verify(under key: VerificationKey) throws(FormatError) {
    do {
      try key.verify(signedOctets, signature)
    } catch {
      throw FormatError(.notAuthentic, ConversionLicense.subject)
    }
  }

  /// Reads a record and checks its signature before anything else of it can be seen.
  public static func open(_ octets: RawSpan, under key: VerificationKey) throws(FormatError) -> ConversionLicense {
    let license = try ConversionLicense(parsing: octets)
    try license.verify(under: key)
    return license
  }
}
