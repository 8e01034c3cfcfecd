import Cryptography
import Formats
import Foundation
import Octets

/// What anybody may know about a centre: the file `center.json` in its folder.
public struct CenterFacts: Hashable, Sendable {
  /// IDc.
  public var centerID: CenterID
  /// The centre's name.
  public var name: String
  /// When it was made, seconds since 1970 UTC.
  public var createdAt: UInt64
  /// X.509 certificate (DER) of its certification authority.
  public var authorityCertificate: [UInt8]
  /// X.509 certificate (DER) of the key that signs licences.
  public var licenseCertificate: [UInt8]
  /// X.509 certificate (DER) of the key that signs catalogues.
  public var catalogueCertificate: [UInt8]
  /// The key that signs times for cards and messages of challenge access, 65 octets.
  public var timeKey: [UInt8]
  /// Earlier editions of the four values above, oldest first: cards that were issued under one keep to it, and what was
  /// signed under it is good until its certificates expire.
  public var formerKeys: [PublicKeys] = []

  /// The key under which licences are verified.
  public var licenseKey: VerificationKey {
    get throws(CertificateError) { try Certificate(der: licenseCertificate).publicKey }
  }

  /// The key under which catalogues are verified.
  public var catalogueKey: VerificationKey {
    get throws(CertificateError) { try Certificate(der: catalogueCertificate).publicKey }
  }
}

extension CenterFacts {
  /// The file's content.
  public func json() throws(CenterError) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    do {
      return Array(try encoder.encode(FactsDocument(self))) + [0x0A]
    } catch {
      throw CenterError(error, during: "Writing the centre's facts")
    }
  }

  /// Reads the file's content.
  public init(json octets: [UInt8]) throws(CenterError) {
    guard octets.count <= 1 << 20, let document = try? JSONDecoder().decode(FactsDocument.self, from: Data(octets)),
      let facts = document.facts
    else {
      throw CenterError(
        .damaged, "Reading the centre's facts", remedy: "center.json is not this program's; restore it from a backup.")
    }
    self = facts
  }
}

/// The shape of the file.
private struct FactsDocument: Codable {
  static let version = 1

  var authorityCertificate: Data
  var catalogueCertificate: Data
  var center: String
  var createdAt: UInt64
  var licenseCertificate: Data
  var name: String
  var timeKey: Data
  var version: Int
  /// Absent while there are none.
  var former: [Edition]?

  struct Edition: Codable {
    var authorityCertificate: Data
    var catalogueCertificate: Data
    var licenseCertificate: Data
    var timeKey: Data
  }

  init(_ facts: CenterFacts) {
    authorityCertificate = Data(facts.authorityCertificate)
    catalogueCertificate = Data(facts.catalogueCertificate)
    center = facts.centerID.description
    createdAt = facts.createdAt
    licenseCertificate = Data(facts.licenseCertificate)
    name = facts.name
    timeKey = Data(facts.timeKey)
    version = FactsDocument.version
    guard !facts.formerKeys.isEmpty else { return }
    former = facts.formerKeys.map { keys in
      Edition(
        authorityCertificate: Data(keys.authorityCertificate), catalogueCertificate: Data(keys.catalogueCertificate),
        licenseCertificate: Data(keys.licenseCertificate), timeKey: Data(keys.timeKey))
    }
  }

  /// The facts, unless a value in the file is none.
  var facts: CenterFacts? {
    guard version == FactsDocument.version, let centerID = CenterID(center), timeKey.count == 65,
      former?.allSatisfy({ $0.timeKey.count == 65 }) ?? true
    else { return nil }
    return CenterFacts(
      centerID: centerID, name: name, createdAt: createdAt, authorityCertificate: Array(authorityCertificate),
      licenseCertificate: Array(licenseCertificate), catalogueCertificate: Array(catalogueCertificate),
      timeKey: Array(timeKey),
      formerKeys: (former ?? []).map { edition in
        PublicKeys(
          authorityCertificate: Array(edition.authorityCertificate),
          licenseCertificate: Array(edition.licenseCertificate),
          catalogueCertificate: Array(edition.catalogueCertificate), timeKey: Array(edition.timeKey))
      })
  }
}
