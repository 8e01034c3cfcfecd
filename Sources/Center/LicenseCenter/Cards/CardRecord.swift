import Cryptography
import Formats
import Identifiers
import Octets
import SecureChannel

/// What the centre keeps about one card: Fig 8 of the seeds (P16).
public struct CardRecord: Hashable, Sendable {
  /// How far the card has come.
  public enum State: String, Hashable, Sendable {
    /// Its production record is here.
    case registered
    /// Its issue has begun, and can be run again until it is done.
    case issuing
    /// It is someone's.
    case issued
  }

  /// The card's serial.
  public var serial: CardSerial
  /// How far it has come.
  public var state: State
  /// Module type or profile.
  public var moduleType: String
  /// The maker's number.
  public var productionNumber: String
  /// When it was made, seconds since 1970 UTC.
  public var producedAt: UInt64
  /// Who bought it; `nil` until its issue begins.
  public var purchaser: String?
  /// The most codes that may ever be sold with it; `nil` until its issue begins.
  public var maximumCodes: UInt32?
  /// Utilisation count: codes sold with it so far.
  public var codesSold: UInt32
  /// Utilisation amount: what those codes cost, one amount for each currency.
  public var amounts: [Money]
  /// Numbers of its generation keys.
  public var generationKeys: [UInt8]
  /// Number of the last booked charge.
  public var chargeNumber: UInt32
  /// When its issue was done, seconds since 1970 UTC.
  public var issuedAt: UInt64?
}

/// A row of the card table, with its sealed columns still sealed.
struct CardRow {
  var serial: CardSerial
  var state: CardRecord.State
  var row: SQLRow

  init(_ row: SQLRow) throws {
    serial = try row.value("serial") { CardSerial(octets: $0) }
    state = try row.value("state") { CardRecord.State(rawValue: $0) }
    self.row = row
  }

  static func find(_ transaction: any Transaction, _ serial: CardSerial) throws -> CardRow? {
    guard let row = try transaction.first("SELECT * FROM cards WHERE serial = $1", [.blob(serial.octets)]) else {
      return nil
    }
    return try CardRow(row)
  }

  /// The row of a card that must be there.
  static func get(_ transaction: any Transaction, _ serial: CardSerial) throws -> CardRow {
    guard let card = try find(transaction, serial) else { throw unknown(serial) }
    return card
  }

  private static func unknown(_ serial: CardSerial) -> CenterError {
    CenterError(.notFound, "Looking up card \(serial)", remedy: "Register its production record first.")
  }

  /// The row of a card that must be someone's.
  static func issued(_ transaction: any Transaction, _ serial: CardSerial) throws -> CardRow {
    try get(transaction, serial).issued
  }

  /// The card of a row, if there is one, that must be someone's.
  static func issued(_ row: SQLRow?, _ serial: CardSerial) throws -> CardRow {
    guard let row else { throw unknown(serial) }
    return try CardRow(row).issued
  }

  /// The card itself, which must be someone's.
  private var issued: CardRow {
    get throws {
      guard state == .issued else {
        throw CenterError(.conflict, "Looking up card \(serial)", remedy: "The card is not issued yet; issue it first.")
      }
      return self
    }
  }

  var issuerRoot: UInt32 { get throws { try row.number("issuer_root") } }
  var maximumCodes: UInt32 { get throws { try row.optionalNumber("maximum_codes") ?? 0 } }
  var codesSold: UInt32 { get throws { try row.number("charged_codes") } }
  var chargeNumber: UInt32 { get throws { try row.number("charge_number") } }
  var generationKeys: [UInt8] { get throws { try row.optionalOctets("generation_keys") ?? [] } }

  /// Versions of its generation keys, by their numbers.
  var generationRoots: [UInt8: UInt32] {
    get throws {
      let numbers = try generationKeys
      guard let octets = try row.optionalOctets("generation_roots") else {
        return Dictionary(uniqueKeysWithValues: numbers.map { ($0, 1) })
      }
      guard octets.count == 4 * numbers.count else { throw CryptoError.notAuthentic }
      return Dictionary(
        uniqueKeysWithValues: numbers.enumerated().map { index, number in
          (number, octets[(4 * index)..<(4 * index + 4)].reduce(0) { $0 << 8 | UInt32($1) })
        })
    }
  }

  /// The edition of the centre's public keys that its issue put on it.
  func edition(_ facts: CenterFacts) throws -> PublicKeys {
    try facts.edition(try row.optionalNumber("key_edition") ?? 1)
  }

  /// How many codes may still be sold with the card (P16); those of an open charge count as sold.
  func remainingCodes(_ transaction: any Transaction) throws -> Int {
    try remainingCodes(reserved: try ChargeRow.open(transaction, card: serial)?.outcome.actual ?? 0)
  }

  /// The same, where it is known how many codes an open charge has.
  func remainingCodes(reserved: Int) throws -> Int {
    max(0, Int(try maximumCodes) - Int(try codesSold) - reserved)
  }

  /// The card's individual key.
  func individualKey(_ keys: KeyStore) throws -> Secret {
    try CardKeys.individualKey(of: serial, version: issuerRoot, keys)
  }

  /// The purchaser's name.
  func purchaser(_ vault: Vault) throws -> String? {
    guard let sealed = try row.optionalOctets("purchaser") else { return nil }
    let name = try vault.open(sealed, .purchaser, row: serial.octets)
    return name.withBytes { String(decoding: $0.octets, as: UTF8.self) }
  }

  /// The record, opened; `amounts` comes from the sales.
  func record(_ vault: Vault, amounts: [Money]) throws -> CardRecord {
    CardRecord(
      serial: serial, state: state, moduleType: try row.text("module_type"),
      productionNumber: try row.text("production_number"), producedAt: try row.number("produced_at"),
      purchaser: try purchaser(vault), maximumCodes: try row.optionalNumber("maximum_codes"),
      codesSold: try codesSold, amounts: amounts, generationKeys: try generationKeys,
      chargeNumber: try chargeNumber, issuedAt: try row.optionalNumber("issued_at"))
  }
}
