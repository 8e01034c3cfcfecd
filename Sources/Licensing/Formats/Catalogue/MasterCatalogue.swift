import Identifiers

/// What a title is (C2).
public enum TitleType: String, Codable, Hashable, Sendable, CaseIterable {
  /// Something to run.
  case program
  /// Something for a program to read.
  case data
  /// Something to read.
  case text
  /// A still image.
  case image
  /// Something to listen to.
  case sound
  /// A moving image.
  case video
}

/// One title on a master disc (M2).
public struct CatalogueTitle: Hashable, Sendable {
  /// SIDi.
  public var softwareID: SoftwareID
  /// The name, 1 to 128 octets of UTF-8 without control characters.
  public var name: String
  /// The version, 1 to 32 octets, likewise.
  public var version: String
  /// What it is.
  public var type: TitleType
  /// Where its ciphertext lies in the image: components joined by `/`, each 1 to 64 of `A-Z a-z 0-9 . _ -` and none of
  /// them `.` or `..`, up to 8 of them.
  public var path: String
  /// Octets of the content.
  public var plaintextOctets: UInt64
  /// Octets of the file at ``path``.
  public var ciphertextOctets: UInt64
  /// SHA-256 over the SHA-256 digests of that file's mebibytes, 32 octets: see ``Cryptography/PieceDigest``.
  public var ciphertextDigest: [UInt8]
  /// What a licence costs, not negative.
  public var price: Money

  /// A title; see the properties for the shapes.
  public init(
    softwareID: SoftwareID, name: String, version: String, type: TitleType, path: String, plaintextOctets: UInt64,
    ciphertextOctets: UInt64, ciphertextDigest: [UInt8], price: Money
  ) {
    self.softwareID = softwareID
    self.name = name
    self.version = version
    self.type = type
    self.path = path
    self.plaintextOctets = plaintextOctets
    self.ciphertextOctets = ciphertextOctets
    self.ciphertextDigest = ciphertextDigest
    self.price = price
  }
}

/// The catalogue of a master disc (M2): which titles lie on it, where, and at what price.
///
/// It travels as canonical JSON (keys sorted, no spaces) beside a signature over those very octets: see
/// ``SignedCatalogue``.
public struct MasterCatalogue: Hashable, Sendable {
  /// Version of the format: 2 since digests go by pieces.
  public static let version = 2
  /// The most octets of the JSON.
  public static let maximumOctetCount = 4 << 20
  /// The most titles.
  public static let maximumTitleCount = 4096

  /// The centre that signs it.
  public var centerID: CenterID
  /// The disc's name, 1 to 128 octets of UTF-8 without control characters.
  public var name: String
  /// When the disc was pressed, seconds since 1970 UTC.
  public var pressedAt: UInt64
  /// The titles, each software id and each path once.
  public var titles: [CatalogueTitle]

  /// A catalogue.
  public init(centerID: CenterID, name: String, pressedAt: UInt64, titles: [CatalogueTitle]) {
    self.centerID = centerID
    self.name = name
    self.pressedAt = pressedAt
    self.titles = titles
  }

  /// The title with this id.
  public func title(_ softwareID: SoftwareID) -> CatalogueTitle? {
    titles.first { $0.softwareID == softwareID }
  }
}

extension MasterCatalogue {
  /// Checks every rule that the properties state.
  func validate() throws(FormatError) {
    func check(_ holds: Bool, _ subject: String) throws(FormatError) {
      guard holds else { throw FormatError(.invalid, "catalogue, \(subject)") }
    }
    try check(isPlainText(name, limit: 128), "name of the disc")
    try check(pressedAt <= UInt64(MasterCatalogue.largestNumber), "time")
    guard titles.count <= MasterCatalogue.maximumTitleCount else { throw FormatError(.oversized, "catalogue") }
    try check(Set(titles.map(\.softwareID)).count == titles.count, "software ids, one occurs twice")
    try check(Set(titles.map(\.path)).count == titles.count, "paths, one occurs twice")
    for title in titles {
      try CatalogueTitle.validate(name: title.name, version: title.version, price: title.price)
      try check(MasterCatalogue.isPath(title.path), "path of a title")
      try check(title.ciphertextDigest.count == 32, "digest of a title")
      let sizes = [title.plaintextOctets, title.ciphertextOctets]
      try check(sizes.allSatisfy { $0 <= UInt64(MasterCatalogue.largestNumber) }, "size of a title")
    }
  }

  /// The largest integer that every JSON parser reads exactly (RFC 8259, 6): 2^53 - 1.
  fileprivate static let largestNumber: Int64 = (1 << 53) - 1

  private static func isPath(_ path: String) -> Bool {
    let components = path.utf8.split(separator: 0x2F, omittingEmptySubsequences: false)
    guard (1...8).contains(components.count) else { return false }
    return components.allSatisfy { component in
      (1...64).contains(component.count) && !component.elementsEqual(".".utf8) && !component.elementsEqual("..".utf8)
        && component.allSatisfy { octet in
          switch octet {
          case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
          default: false
          }
        }
    }
  }
}

extension CatalogueTitle {
  /// Checks what a title is known by, before anything else of it is settled.
  ///
  /// - Throws: ``FormatError/Code/invalid`` for a name, version or price that no catalogue may hold.
  public static func validate(name: String, version: String, price: Money) throws(FormatError) {
    guard isPlainText(name, limit: 128) else { throw FormatError(.invalid, "name of the title") }
    guard isPlainText(version, limit: 32) else { throw FormatError(.invalid, "version of the title") }
    guard (0...MasterCatalogue.largestNumber).contains(price.minorUnits) else {
      throw FormatError(.invalid, "price of the title")
    }
  }
}
