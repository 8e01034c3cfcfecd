import CardDriver
import CardProtocol
import Cryptography
import DiscDriver
import Formats
import ISO7816
import Identifiers
import Octets

/// Copying licensed titles onto one medium with one card: embodiment 1 of the copying system (M1 to M10) and embodiment 2
/// (M11 to M15), whichever the licence on the medium is for.
///
/// The six means of Fig 1 and who they are here: reading the software id (``LicensedMaster``), reading the medium id
/// (``LicensedVolume``), generating the signature (the centre), writing it (``install(_:)``), generating and comparing
/// it again (the card, in ``certify(_:)``), copying the data (``copy(_:from:progress:)``). Under conversion keys the centre
/// generates keys in place of the signature, and the card opens them in place of comparing.
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

  // MARK: Certification

  /// Has the card recompute the certificate code and compare (S4 to S6, M7).
  ///
  /// - Returns: the licence that holds.
  @discardableResult
  public func certify(_ softwareID: SoftwareID) throws(LicensingError) -> CopyLicense {
    let operation = "certify \(softwareID)"
    let license = try license(for: softwareID)
    let certificate = try certificate(license, operation)
    do { try card.certify(certificate) } catch { throw CopySession.refusal(error, operation) }
    return license
  }

  /// What the card is shown: the medium id is the one just read, never the licence's word for it. Where the terms ask for
  /// it the drive attests that id to the card.
  private func certificate(
    _ license: CopyLicense, _ operation: String
  ) throws(LicensingError) -> WarifuCard.CopyCertificate {
    WarifuCard.CopyCertificate(
      softwareID: license.softwareID, mediumID: volume.identity.id, terms: license.terms.encoded,
      wrappedCertificationKey: license.wrappedCertificationKey, certificateCode: license.certificateCode,
      driveSignature: license.terms.requiresAttestedMedium ? try attestToCard(operation) : nil)
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

  /// Opens a title to run or show it (M10, M15): the licence, the medium and the card are checked again, and only now
  /// does the card release the content key, or open Ku.
  public func open(_ softwareID: SoftwareID) throws(LicensingError) -> CertifiedTitle {
    let operation = "open \(softwareID)"
    let license = try titleLicense(for: softwareID)
    let reader = try licensing(operation) { try volume.open(title: softwareID) }
    let part = try licensing(operation) { try MasterCatalogue(json: reader.information) }
    guard let title = part.title(softwareID), title.ciphertextOctets == reader.length else {
      throw LicensingError(.damaged, operation, remedy: "What the disc says of the title is wrong; copy it again.")
    }
    switch license {
    case .certificate(let license):
      return CertifiedTitle(
        title: title, reader: reader, key: try contentKey(license, operation),
        associatedData: Content.associatedData(softwareID))
    case .conversion(let license):
      return CertifiedTitle(
        title: title, reader: reader, key: try mediumKey(license, operation),
        associatedData: ConvertedContent.associatedData(softwareID, on: volume.identity.id))
    }
  }

  /// Kd, after one more comparison.
  private func contentKey(_ license: CopyLicense, _ operation: String) throws(LicensingError) -> Secret {
    let certificate = try certificate(license, operation)
    do {
      return try card.releaseContentKey(certificate, wrappedContentKey: license.wrappedContentKey)
    } catch {
      throw CopySession.refusal(error, operation)
    }
  }
}
