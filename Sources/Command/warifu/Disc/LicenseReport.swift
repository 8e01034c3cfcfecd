import Formats
import Identifiers
import Octets

/// A licence of either profile, nothing of which is secret.
struct LicenseReport: Report {
  let number: UInt64
  let profile: String
  let center: String
  let card: String
  let softwareID: String
  let mediumID: String
  /// Who vouched for the medium id when the licence was given.
  let strength: String
  /// Whether a drive has to do so at every use, too.
  let requiresAttestedMedium: Bool
  let terms: String
  let certificateCode: String?
  let wrappedCertificationKey: String?
  let wrappedContentKey: String?
  let wrappedMediumKey: String?
  let wrappedMasterKey: String?
  let rootVersion: UInt32
  let expiry: UInt64?
  let issuedAt: UInt64
  private let kind: CopyProfile

  private enum CodingKeys: CodingKey {
    case number, profile, center, card, softwareID, mediumID, strength, requiresAttestedMedium, terms
    case certificateCode, wrappedCertificationKey, wrappedContentKey, wrappedMediumKey, wrappedMasterKey
    case rootVersion, expiry, issuedAt
  }

  init(_ license: TitleLicense) {
    number = license.number
    kind = license.profile
    profile = license.profile.rawValue
    center = license.centerID.description
    card = license.cardSerial.description
    softwareID = license.softwareID.description
    mediumID = license.mediumID.description
    strength = license.mediumIDStrength.word
    requiresAttestedMedium = license.terms.requiresAttestedMedium
    terms = Hex.encode(license.terms.encoded)
    rootVersion = license.rootVersion
    expiry = license.terms.expiry
    issuedAt = license.issuedAt
    switch license {
    case .certificate(let license):
      certificateCode = Hex.encode(license.certificateCode)
      wrappedCertificationKey = Hex.encode(license.wrappedCertificationKey)
      wrappedContentKey = Hex.encode(license.wrappedContentKey)
      (wrappedMediumKey, wrappedMasterKey) = (nil, nil)
    case .conversion(let license):
      (certificateCode, wrappedCertificationKey, wrappedContentKey) = (nil, nil, nil)
      wrappedMediumKey = Hex.encode(license.wrappedMediumKey)
      wrappedMasterKey = Hex.encode(license.wrappedMasterKey)
    }
  }

  var text: String {
    Columns.fields([
      ("Licence", "number \(number), \(kind.words)"), ("Centre", center), ("Card", card), ("Title", softwareID),
      ("Medium", mediumID), ("Id", strength + (requiresAttestedMedium ? ", and to be at every use" : "")),
      ("Good until", expiry.map(Words.time) ?? "no date"), ("Issued", Words.time(issuedAt)),
      certificateCode.map { ("Certificate code", $0) } ?? ("Wrapped keys", "of this medium, of the master medium"),
    ])
  }
}
