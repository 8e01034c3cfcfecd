import Cryptography
import DiscDriver
import Formats
import Identifiers

/// A master disc whose catalogue was checked: what may be copied from it.
public final class LicensedMaster {
  /// The disc.
  public let disc: MasterDisc
  /// Its catalogue, signed by the centre.
  public let catalogue: MasterCatalogue

  /// Opens an image or device and checks that its catalogue is the centre's.
  public init(opening path: String, anchor: TrustAnchor) throws(LicensingError) {
    let operation = "open the master disc \(path)"
    let disc = try licensing(operation) { try MasterDisc(opening: path) }
    self.disc = disc
    let (certificate, signed) = try licensing(operation) {
      (
        try disc.contents(of: MasterPress.Place.certificate, limit: 16_384),
        SignedCatalogue(
          json: try disc.contents(of: MasterPress.Place.catalogue, limit: MasterCatalogue.maximumOctetCount),
          signature: try disc.contents(of: MasterPress.Place.signature, limit: SignedCatalogue.signatureOctets))
      )
    }
    let key = try anchor.catalogueKey(certificate)
    catalogue = try licensing(operation) { try signed.open(under: key) }
  }

  /// A title of the catalogue, and the file that holds it.
  func title(_ softwareID: SoftwareID, _ operation: String) throws(LicensingError) -> (CatalogueTitle, MasterDisc.File)
  {
    guard let title = catalogue.title(softwareID), let file = disc.file(at: title.path) else {
      throw LicensingError(
        .noSuchTitle, operation, remedy: "The master disc has no title \(softwareID); list its titles and choose one.")
    }
    guard file.length == title.ciphertextOctets else {
      throw LicensingError(
        .damaged, operation, remedy: "The file on the master disc is cut off; use another copy of the disc.")
    }
    return (title, file)
  }
}
