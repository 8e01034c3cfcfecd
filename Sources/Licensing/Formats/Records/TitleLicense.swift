import Cryptography
import Identifiers
import Octets

/// A licence of either profile, as it lies in a slot of a medium: the record itself says which it is.
public enum TitleLicense: Hashable, Sendable {
  /// By certificate code.
  case certificate(CopyLicense)
  /// By conversion keys.
  case conversion(ConversionLicense)

  /// Reads a record; says nothing about its signature.
  public init(parsing octets: RawSpan) throws(FormatError) {
    let subject = "copy licence"
    self =
      switch try RecordKind(of: octets, subject: subject) {
      case .copyLicense: .certificate(try CopyLicense(parsing: octets))
      case .conversionLicense: .conversion(try ConversionLicense(parsing: octets))
      default: throw FormatError(.unknownKind, subject)
      }
  }

  /// Reads a record and checks its signature before anything else of it can be seen.
  public static func open(_ octets: RawSpan, under key: VerificationKey) throws(FormatError) -> TitleLicense {
    let license = try TitleLicense(parsing: octets)
    try license.verify(under: key)
    return license
  }

  /// Checks the centre's signature. Nothing else of a licence may be used before.
  ///
  /// - Throws: ``FormatError/Code/notAuthentic``.
  public func verify(under key: VerificationKey) throws(FormatError) {
    switch self {
    case .certificate(let license): try license.verify(under: key)
    case .conversion(let license): try license.verify(under: key)
    }
  }

  /// Which way of copying it is for.
  public var profile: CopyProfile {
    switch self {
    case .certificate: .certificate
    case .conversion: .conversion
    }
  }

  /// The whole record.
  public var encoded: [UInt8] {
    switch self {
    case .certificate(let license): license.encoded
    case .conversion(let license): license.encoded
    }
  }

  /// The licence's number, unique at its centre.
  public var number: UInt64 {
    switch self {
    case .certificate(let license): license.number
    case .conversion(let license): license.number
    }
  }

  /// IDc: the centre that gave it.
  public var centerID: CenterID {
    switch self {
    case .certificate(let license): license.centerID
    case .conversion(let license): license.centerID
    }
  }

  /// Version of the root key that the licence's keys come from.
  public var rootVersion: UInt32 {
    switch self {
    case .certificate(let license): license.rootVersion
    case .conversion(let license): license.rootVersion
    }
  }

  /// The card that can use it.
  public var cardSerial: CardSerial {
    switch self {
    case .certificate(let license): license.cardSerial
    case .conversion(let license): license.cardSerial
    }
  }

  /// The title.
  public var softwareID: SoftwareID {
    switch self {
    case .certificate(let license): license.softwareID
    case .conversion(let license): license.softwareID
    }
  }

  /// The medium.
  public var mediumID: MediumID {
    switch self {
    case .certificate(let license): license.mediumID
    case .conversion(let license): license.mediumID
    }
  }

  /// Who vouched for the medium id when the licence was asked for.
  public var mediumIDStrength: MediumIDStrength {
    switch self {
    case .certificate(let license): license.mediumIDStrength
    case .conversion(let license): license.mediumIDStrength
    }
  }

  /// The terms.
  public var terms: LicenseTerms {
    switch self {
    case .certificate(let license): license.terms
    case .conversion(let license): license.terms
    }
  }

  /// When the centre gave it, seconds since 1970 UTC.
  public var issuedAt: UInt64 {
    switch self {
    case .certificate(let license): license.issuedAt
    case .conversion(let license): license.issuedAt
    }
  }
}
