import Cryptography
import Formats
import Identifiers

/// A sealed file of a title in the centre's folder.
struct Publication: Sendable {
  var identifier: Int64
  var softwareID: SoftwareID
  /// Octets of the file.
  var octets: UInt64
  /// ``PieceDigest`` over the file.
  var digest: [UInt8]
  /// Its key, sealed by the vault.
  var sealedKey: [UInt8]
  var publishedAt: UInt64

  init(_ row: SQLRow, identifier: Int64) throws {
    self.identifier = identifier
    softwareID = try row.value("software_id") { SoftwareID(octets: $0) }
    octets = try row.number("octets")
    digest = try row.octets("digest")
    sealedKey = try row.octets("content_key")
    publishedAt = try row.number("published_at")
  }

  /// The newest of a title.
  static func newest(_ transaction: any Transaction, _ softwareID: SoftwareID) throws -> Publication? {
    try transaction.first(
      "SELECT * FROM publications WHERE software_id = $1 ORDER BY id DESC LIMIT 1", [.blob(softwareID.octets)]
    ).map { try Publication($0, identifier: try $0.integer("id")) }
  }

  /// The file's key.
  func contentKey(_ vault: Vault) throws -> Secret {
    try vault.open(sealedKey, .downloadKey, row: Publication.keyRow(identifier))
  }

  static func keyRow(_ identifier: Int64) -> [UInt8] { bigEndian(UInt64(bitPattern: identifier)) }

  /// The file's name below the folder of titles.
  static func fileName(_ softwareID: SoftwareID, _ identifier: Int64) -> String { "\(softwareID)-\(identifier).sealed" }

  var fileName: String { Publication.fileName(softwareID, identifier) }
}

/// A sealed file, and what its title is called.
struct TitledPublication {
  var file: Publication
  var name: String
  var version: String
  var type: TitleType

  /// The newest file of a title.
  static func newest(_ transaction: any Transaction, _ softwareID: SoftwareID) throws -> TitledPublication? {
    let memory = transaction.titleMemory
    if let remembered = memory?.publications[softwareID] { return remembered }
    let found = try find(transaction, softwareID)
    memory?.publications[softwareID] = found
    return found
  }

  private static func find(_ transaction: any Transaction, _ softwareID: SoftwareID) throws -> TitledPublication? {
    try transaction.first(
      """
      SELECT p.*, t.name AS title_name, t.version AS title_version, t.type AS title_type
      FROM publications p JOIN titles t ON t.software_id = p.software_id
      WHERE p.software_id = $1 ORDER BY p.id DESC LIMIT 1
      """, [.blob(softwareID.octets)]
    ).map { row in
      TitledPublication(
        file: try Publication(row, identifier: try row.integer("id")), name: try row.text("title_name"),
        version: try row.text("title_version"), type: try row.value("title_type") { TitleType(rawValue: $0) })
    }
  }
}

extension TitledPublication {
  /// A file whose title is looked up.
  init(_ file: Publication, _ transaction: any Transaction) throws {
    let title = try TitleRow.get(transaction, file.softwareID).record
    self.init(file: file, name: title.name, version: title.version, type: title.type)
  }
}
