import CardProtocol
import Cryptography
import Formats
import Identifiers
import Octets
import SecureChannel

/// Where a retrieval code stands at the centre (P17); redemption is for whoever serves downloads.
public enum CodeSaleState: String, Hashable, Sendable, CaseIterable {
  /// Made for a charge that is not booked yet: worth nothing so far.
  case reserved
  /// Sold.
  case unused
  /// Being redeemed.
  case inUse
  /// Redeemed.
  case used
  /// Worth nothing for ever.
  case voided
}

/// What the centre knows of a code (P6): never the code itself.
public struct CodeRecord: Hashable, Sendable {
  /// Where it stands.
  public var state: CodeSaleState
  /// The title that it buys.
  public var softwareID: SoftwareID
  /// What its keys are made from and limited by.
  public var conditions: CodeConditions
  /// Version of the generation key.
  public var generationRoot: UInt32
  /// What it cost.
  public var price: Money
  /// When it was made, seconds since 1970 UTC.
  public var madeAt: UInt64
}

/// To what a code belongs: a charge onto a card, or a printed sheet.
enum CodeOwner {
  case charge(Int64)
  case sheet(Int64)

  var column: String {
    switch self {
    case .charge: "charge"
    case .sheet: "sheet"
    }
  }

  var identifier: Int64 {
    switch self {
    case .charge(let identifier), .sheet(let identifier): identifier
    }
  }
}

/// Makes codes and keeps them: a keyed hash for look-up, and a sealed copy only as long as the code must still reach a
/// card or paper.
enum CodeSales {
  /// Makes `count` codes for `owner`, sold with `card`: a code goes with the version of a generation key that the card
  /// has.
  static func make(
    _ transaction: any Transaction, _ context: CenterContext, count: Int, title: TitleRecord,
    conditions: CodeConditions, state: CodeSaleState, owner: CodeOwner, card: CardRow
  ) throws -> [RetrievalCode] {
    let pepper = try context.keys.currentVersion(of: .codePepper)
    let generationRoot =
      try card.generationRoots[conditions.generationKey]
      ?? context.keys.currentVersion(of: .generation, number: conditions.generationKey)
    let codes = (0..<count).map { _ in RetrievalCode(from: context.random) }
    for (position, code) in codes.enumerated() {
      let lookup = try lookup(code, pepper: pepper, context.keys)
      try transaction.run(
        """
        INSERT INTO codes (id, lookup, pepper, code, state, software_id, generation_key, generation_root, expiry, uses,
          fresh_time, message_id, price, currency, made_at, position, \(owner.column))
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
        """,
        [
          .integer(try transaction.nextNumber(of: "code")), .blob(lookup), .number(pepper),
          .blob(try context.vault.seal(Secret(copying: code.octets), .code, row: lookup)), .text(state.rawValue),
          .blob(title.softwareID.octets), .number(conditions.generationKey), .number(generationRoot),
          .number(conditions.expiry), .number(conditions.uses), .number(conditions.needsFreshTime ? 1 : 0),
          .blob(conditions.messageID), .integer(title.price.minorUnits), .text(title.price.currency.code),
          .number(context.clock.now()), .number(position), .integer(owner.identifier),
        ])
    }
    return codes
  }

  /// The codes of `owner`, as long as the centre keeps copies of them.
  static func open(
    _ transaction: any Transaction, _ context: CenterContext, _ owner: CodeOwner
  ) throws -> [(code: RetrievalCode, record: CodeRecord)] {
    let rows = try transaction.run(
      "SELECT * FROM codes WHERE \(owner.column) = $1 ORDER BY position", [.integer(owner.identifier)])
    return try rows.map { row in
      guard let sealed = try row.optionalOctets("code") else {
        throw CenterError(.conflict, "Reading codes", remedy: "The centre no longer keeps copies of these codes.")
      }
      let secret = try context.vault.open(sealed, .code, row: try row.octets("lookup"))
      guard let code = RetrievalCode(octets: secret.withBytes { $0.octets }) else { throw CryptoError.notAuthentic }
      return (code, try CodeRecord(row))
    }
  }

  /// Moves every code of `owner` to `state`, and forgets the copies when it is told to.
  static func settle(
    _ transaction: any Transaction, _ owner: CodeOwner, state: CodeSaleState, forgettingCopies: Bool
  ) throws {
    let copy = forgettingCopies ? ", code = NULL" : ""
    try transaction.run(
      "UPDATE codes SET state = $2\(copy) WHERE \(owner.column) = $1",
      [.integer(owner.identifier), .text(state.rawValue)])
  }

  /// The record of a code, whatever version of the pepper it was made under.
  static func find(
    _ transaction: any Transaction, _ code: RetrievalCode, _ keys: KeyStore
  ) throws -> CodeRecord? {
    for pepper in keys.versions(of: .codePepper) {
      let lookup = try lookup(code, pepper: pepper, keys)
      if let row = try transaction.first("SELECT * FROM codes WHERE lookup = $1", [.blob(lookup)]) {
        return try CodeRecord(row)
      }
    }
    return nil
  }

  /// What the codes sold with a card cost, one amount for each currency (P16: utilisation amount).
  static func amounts(_ transaction: any Transaction, card: CardSerial) throws -> [Money] {
    let rows = try transaction.run(
      """
      SELECT k.currency, CAST(SUM(k.price) AS BIGINT) AS amount FROM codes k
      LEFT JOIN charges c ON c.id = k.charge LEFT JOIN seal_sheets s ON s.id = k.sheet
      WHERE COALESCE(c.card, s.card) = $1 AND k.state IN ('unused', 'inUse', 'used')
      GROUP BY k.currency ORDER BY k.currency
      """, [.blob(card.octets)])
    return try rows.map { try $0.money("amount") }
  }

  private static func lookup(_ code: RetrievalCode, pepper: UInt32, _ keys: KeyStore) throws -> [UInt8] {
    try keys.withKey(.codePepper, version: pepper) { try HMAC256.tag(key: $0, code.octets) }
  }
}

extension CodeRecord {
  init(_ row: SQLRow) throws {
    state = try row.value("state") { CodeSaleState(rawValue: $0) }
    softwareID = try row.value("software_id") { SoftwareID(octets: $0) }
    conditions = try CodeConditions(
      generationKey: try row.number("generation_key"), expiry: try row.optionalNumber("expiry"),
      uses: try row.optionalNumber("uses"), needsFreshTime: try row.integer("fresh_time") != 0,
      messageID: try row.octets("message_id"))
    generationRoot = try row.number("generation_root")
    price = try row.money("price")
    madeAt = try row.number("made_at")
  }

  /// The record as it travels to a card.
  func chargeRecord(_ code: RetrievalCode) -> ChargeRecord {
    ChargeRecord(
      code: code.octets, generationKey: conditions.generationKey,
      flags: conditions.needsFreshTime ? ChargeRecord.needsFreshTime : 0, expiry: conditions.expiry ?? 0,
      uses: conditions.uses ?? 0, softwareID: softwareID, messageID: conditions.messageID)
  }
}
