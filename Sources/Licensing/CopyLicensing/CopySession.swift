import CardDriver
import CardProtocol
import Cryptography
import DiscDriver
import Formats
import ISO7816
import Identifiers
import Octets

/// Copying licensed titles onto one medium with one card: embodiment 1 of the copying system (M1 to M10).
///
/// The six means of Fig 1 and who they are here: reading the software id (``LicensedMaster``), reading the medium id
/// (``LicensedVolume``), generating the signature (the centre), writing it (``install(_:)``), generating and comparing
/// it again (the card, in ``certify(_:)``), copying the data (``copy(_:from:progress:)``).
public final class CopySession {
  /// The target medium's licensed volume.
  public let volume: LicensedVolume
  /// The card.
  public let card: WarifuCard
  /// Whose licences are believed.
  public let anchor: TrustAnchor
  /// The card's serial.
  public let serial: CardSerial

  /// A session with the medium in the drive and the card in the reader.
  public init(volume: LicensedVolume, card: WarifuCard, anchor: TrustAnchor) throws(LicensingError) {
    self.volume = volume
    self.card = card
    self.anchor = anchor
    serial = try licensing("read the card's status") { try card.status().serial }
  }

  // MARK: Licences

  /// What to ask the centre for (S1): the title, this medium's id as just read, this card.
  public func request(
    for softwareID: SoftwareID, operationID: OperationID, terms: LicenseTerms = .unlimited
  ) throws(LicensingError) -> LicenseRequest {
    LicenseRequest(
      operationID: operationID, cardSerial: serial, softwareID: softwareID, mediumID: volume.identity.id, terms: terms)
  }

  /// Writes the centre's answer into the predetermined region of the medium (S3, M6), if it is authentic and for this
  /// medium and this card.
  public func install(_ license: CopyLicense) throws(LicensingError) {
    let operation = "write the licence to the disc"
    try check(license, operation)
    try licensing(operation) { try volume.install(licence: license.encoded, for: license.softwareID) }
  }

  /// The licence on the medium. The centre's signature is checked before anything else of it is looked at.
  ///
  /// - Throws: ``LicensingError/Code/notLicensed``, ``LicensingError/Code/notAuthentic``,
  ///   ``LicensingError/Code/wrongMedium``, ``LicensingError/Code/wrongCard``.
  public func license(for softwareID: SoftwareID) throws(LicensingError) -> CopyLicense {
    let operation = "read the licence for \(softwareID)"
    guard let installed = volume.licence(for: softwareID) else {
      guard volume.damagedLicenceCount == 0 else {
        throw LicensingError(
          .damaged, operation,
          remedy: "A licence on this disc is damaged in both its copies, maybe this one; get it from the centre again.")
      }
      throw LicensingError(
        .notLicensed, operation, remedy: "There is none on this disc; get one from the centre first.")
    }
    let license = try licensing(operation) {
      try CopyLicense.open(installed.octets.span.bytes, under: anchor.licenseKey)
    }
    guard license.softwareID == softwareID else {
      throw LicensingError(
        .notAuthentic, operation, remedy: "The licence is for another title; remove it and get the right one.")
    }
    try check(license, operation)
    return license
  }

  private func check(_ license: CopyLicense, _ operation: String) throws(LicensingError) {
    try licensing(operation) { try license.verify(under: anchor.licenseKey) }
    guard license.mediumID == volume.identity.id else {
      throw LicensingError(
        .wrongMedium, operation,
        remedy: "The licence is for another disc; use that disc, or get a licence for this one.")
    }
    guard license.cardSerial == serial else {
      throw LicensingError(
        .wrongCard, operation, remedy: "The licence is for card \(license.cardSerial); use that card.")
    }
  }

  // MARK: Certification

  /// Has the card recompute the certificate code and compare (S4 to S6, M7).
  ///
  /// - Returns: the licence that holds.
  @discardableResult
  public func certify(_ softwareID: SoftwareID) throws(LicensingError) -> CopyLicense {
    let operation = "certify \(softwareID)"
    let license = try license(for: softwareID)
    do {
      try card.certify(certificate(license))
    } catch {
      throw CopySession.refusal(error, operation)
    }
    return license
  }

  /// What the card is shown: the medium id is the one just read, never the licence's word for it.
  private func certificate(_ license: CopyLicense) -> WarifuCard.CopyCertificate {
    WarifuCard.CopyCertificate(
      softwareID: license.softwareID, mediumID: volume.identity.id, terms: license.terms.encoded,
      wrappedCertificationKey: license.wrappedCertificationKey, certificateCode: license.certificateCode)
  }

  private static func refusal(_ error: CardError, _ operation: String) -> LicensingError {
    switch error.status {
    case .securityStatusNotSatisfied:
      LicensingError(
        .notCertified, operation, remedy: "The card says that this licence is not for it, this disc and this title.")
    case .conditionsNotSatisfied:
      LicensingError(.expired, operation, remedy: "The licence has expired; get a new one from the centre.")
    default: LicensingError(error, during: operation)
    }
  }

  // MARK: Execution

  /// Opens a title to run or show it (M10): the licence, the medium and the card are checked again, and only now does
  /// the card release the content key.
  public func open(_ softwareID: SoftwareID) throws(LicensingError) -> CertifiedTitle {
    let operation = "open \(softwareID)"
    let license = try license(for: softwareID)
    let reader = try licensing(operation) { try volume.open(title: softwareID) }
    let part = try licensing(operation) { try MasterCatalogue(json: reader.information) }
    guard let title = part.title(softwareID), title.ciphertextOctets == reader.length else {
      throw LicensingError(.damaged, operation, remedy: "What the disc says of the title is wrong; copy it again.")
    }
    let key: Secret
    do {
      key = try card.releaseContentKey(certificate(license), wrappedContentKey: license.wrappedContentKey)
    } catch {
      throw CopySession.refusal(error, operation)
    }
    return CertifiedTitle(title: title, reader: reader, key: key)
  }
}
