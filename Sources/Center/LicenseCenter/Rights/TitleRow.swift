import Cryptography
import Formats
import Identifiers
import Octets

/// A row of the title table, its content key still sealed.
struct TitleRow {
  var record: TitleRecord
  var contentKey: TitleKey

  init(_ row: SQLRow) throws {
    contentKey = try TitleKey(row)
    record = TitleRecord(
      softwareID: try row.value("software_id") { SoftwareID(octets: $0) }, name: try row.text("name"),
      version: try row.text("version"), type: try row.value("type") { TitleType(rawValue: $0) },
      seller: try row.text("seller"), price: try row.money("price"), profile: contentKey.profile,
      pressedAt: try row.optionalNumber("pressed_at"))
  }

  static func find(_ transaction: any Transaction, _ softwareID: SoftwareID) throws -> TitleRow? {
    let memory = transaction.titleMemory
    if let remembered = memory?.rows[softwareID] { return remembered }
    let found = try transaction.first("SELECT * FROM titles WHERE software_id = $1", [.blob(softwareID.octets)])
      .map(TitleRow.init)
    memory?.rows[softwareID] = found
    return found
  }

  static func get(_ transaction: any Transaction, _ softwareID: SoftwareID) throws -> TitleRow {
    guard let title = try find(transaction, softwareID) else {
      throw CenterError(
        .notFound, "Looking up the title \(softwareID)",
        remedy: "There is no title of this id here; check the software id.")
    }
    return title
  }
}

/// The key that a title is sealed under on master discs, as the table has it.
enum TitleKey: Sendable {
  /// Kd, of a title that is copied by certificate code: random, and sealed by the vault.
  case sealed([UInt8])
  /// Ka, of a title that is copied by conversion keys: made from this version of KM whenever it is wanted (M12).
  case derived(rootVersion: UInt32)

  /// A new title's key.
  init(of softwareID: SoftwareID, _ profile: CopyProfile, _ context: CenterContext) throws {
    switch profile {
    case .certificate:
      self = .sealed(
        try context.vault.seal(
          Secret(random: CardKeys.octets, from: context.random), .contentKey, row: softwareID.octets))
    case .conversion: self = .derived(rootVersion: try context.keys.currentVersion(of: .conversionRoot))
    }
  }

  init(_ row: SQLRow) throws {
    let rootVersion: UInt32? = try row.optionalNumber("conversion_root")
    self = try rootVersion.map(TitleKey.derived) ?? .sealed(try row.octets("content_key"))
  }

  /// The key itself.
  func open(of softwareID: SoftwareID, _ context: CenterContext) throws -> Secret {
    switch self {
    case .sealed(let octets): try context.vault.open(octets, .contentKey, row: softwareID.octets)
    case .derived(let version):
      try context.keys.withKey(.conversionRoot, version: version) { try ConversionKeys.masterKey($0, softwareID) }
    }
  }

  var profile: CopyProfile {
    switch self {
    case .sealed: .certificate
    case .derived: .conversion
    }
  }

  /// What the column `content_key` has: nothing where the key is derived.
  var sealed: [UInt8] {
    switch self {
    case .sealed(let octets): octets
    case .derived: []
    }
  }

  /// What the column `conversion_root` has.
  var conversionRoot: UInt32? {
    switch self {
    case .sealed: nil
    case .derived(let version): version
    }
  }
}
