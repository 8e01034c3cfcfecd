import Cryptography
import Foundation
import Identifiers
import Octets

/// A catalogue as it lies on a master disc: canonical JSON, and beside it the centre's signature over its label and
/// exactly these octets.
public struct SignedCatalogue: Hashable, Sendable {
  /// Octets of the signature, r ‖ s.
  public static let signatureOctets = 64

  /// The JSON.
  public var json: [UInt8]
  /// The centre's signature, 64 octets.
  public var signature: [UInt8]

  /// A catalogue as read from a disc; nothing is checked yet.
  public init(json: [UInt8], signature: [UInt8]) {
    self.json = json
    self.signature = signature
  }

  /// What is signed: a label as a typed field, so that no signature made for anything else is one of a catalogue, and
  /// the JSON to the end.
  public static func signedOctets(json: [UInt8]) -> [UInt8] {
    let label = Array("warifu catalogue 1".utf8)
    return [FieldType.label.rawValue] + bigEndian(UInt16(label.count)) + label + json
  }

  /// Checks the signature and only then reads the catalogue.
  ///
  /// - Throws: ``FormatError``: not authentic, too large, not canonical, or with a value that is not allowed.
  public func open(under key: VerificationKey) throws(FormatError) -> MasterCatalogue {
    guard json.count <= MasterCatalogue.maximumOctetCount else { throw FormatError(.oversized, "catalogue") }
    do {
      try key.verify(SignedCatalogue.signedOctets(json: json), signature)
    } catch {
      throw FormatError(.notAuthentic, "catalogue")
    }
    return try MasterCatalogue(json: json)
  }
}

extension MasterCatalogue {
  /// The catalogue as canonical JSON.
  ///
  /// - Throws: ``FormatError`` when it breaks one of its own rules.
  public func json() throws(FormatError) -> [UInt8] {
    try validate()
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(CatalogueDocument(self)) else {
      throw FormatError(.invalid, "catalogue")
    }
    guard data.count <= MasterCatalogue.maximumOctetCount else { throw FormatError(.oversized, "catalogue") }
    return Array(data)
  }

  /// Reads canonical JSON; anything that ``json()`` would not have written is refused.
  public init(json octets: [UInt8]) throws(FormatError) {
    guard octets.count <= MasterCatalogue.maximumOctetCount else { throw FormatError(.oversized, "catalogue") }
    guard let document = try? JSONDecoder().decode(CatalogueDocument.self, from: Data(octets)) else {
      throw FormatError(.invalid, "catalogue")
    }
    guard document.version == MasterCatalogue.version else { throw FormatError(.unknownKind, "catalogue") }
    guard let catalogue = document.catalogue else { throw FormatError(.invalid, "catalogue") }
    guard try catalogue.json() == octets else { throw FormatError(.notCanonical, "catalogue") }
    self = catalogue
  }
}

/// The shape of the JSON.
private struct CatalogueDocument: Codable {
  struct Title: Codable {
    var ciphertextOctets: UInt64
    var ciphertextPiecesSHA256: String
    var currency: String
    var name: String
    var path: String
    var plaintextOctets: UInt64
    var price: Int64
    var softwareID: String
    var type: TitleType
    var version: String
  }

  var center: String
  var name: String
  var pressedAt: UInt64
  var titles: [Title]
  var version: Int

  init(_ catalogue: MasterCatalogue) {
    center = catalogue.centerID.description
    name = catalogue.name
    pressedAt = catalogue.pressedAt
    version = MasterCatalogue.version
    titles = catalogue.titles.map { title in
      Title(
        ciphertextOctets: title.ciphertextOctets, ciphertextPiecesSHA256: Hex.encode(title.ciphertextDigest),
        currency: title.price.currency.code, name: title.name, path: title.path,
        plaintextOctets: title.plaintextOctets, price: title.price.minorUnits,
        softwareID: title.softwareID.description, type: title.type, version: title.version)
    }
  }

  /// The catalogue, unless a text in it spells nothing.
  var catalogue: MasterCatalogue? {
    guard let center = CenterID(center) else { return nil }
    var catalogue = MasterCatalogue(centerID: center, name: name, pressedAt: pressedAt, titles: [])
    for title in titles {
      guard let softwareID = SoftwareID(title.softwareID), let digest = Hex.decode(title.ciphertextPiecesSHA256),
        let currency = Currency(title.currency)
      else { return nil }
      catalogue.titles.append(
        CatalogueTitle(
          softwareID: softwareID, name: title.name, version: title.version, type: title.type, path: title.path,
          plaintextOctets: title.plaintextOctets, ciphertextOctets: title.ciphertextOctets, ciphertextDigest: digest,
          price: Money(minorUnits: title.price, currency: currency)))
    }
    return catalogue
  }
}
