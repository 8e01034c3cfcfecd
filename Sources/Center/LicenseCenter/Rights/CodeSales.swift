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

/// A code that is in no books yet, ready for them: what it will be found by, and its copy, sealed.
///
/// It is made before anything is changed, since its keys take longer than its row does.
struct NewCode: Sendable {
  let code: RetrievalCode
  fileprivate let lookup: [UInt8]
  fileprivate let pepper: UInt32
  fileprivate let sealed: [UInt8]

  /// So many new codes.
  static func make(
    _ count: Int, _ context: CenterContext, _ operation: String
  ) throws(CenterError) -> [NewCode] {
    do {
      let pepper = try context.keys.currentVersion(of: .codePepper)
      return try (0..<count).map { _ in try NewCode(pepper: pepper, context) }
    } catch {
      throw CenterError(error, during: operation)
    }
  }

  private init(pepper: UInt32, _ context: CenterContext) throws {
    code = RetrievalCode(from: context.random)
    lookup = try CodeSales.lookup(code, pepper: pepper, context.keys)
    self.pepper = pepper
    sealed = try context.vault.seal(Secret(copying: code.octets), .code, row: lookup)
  }
}

/// Keeps codes: a keyed hash for look-up, and a sealed copy only as long as the code must still reach a card or paper.
enum CodeSales {
  /// The most rows of one statement.
  private static let rowsAtOnce = 16
  /// Parameters that all rows share, before those of each.
  private static let commonCount = 12
  /// The values of so many rows, as a statement has them.
  private static let rowTexts = (0...rowsAtOnce).map { rows($0) }

  /// Enters new codes for `owner`, in their order, sold with `card`: a code goes with the version of a generation key that
  /// the card has.
  static func enter(
    _ codes: [NewCode], _ transaction: any Transaction, _ context: CenterContext, title: TitleRecord,
    conditions: CodeConditions, state: CodeSaleState, owner: CodeOwner, card: CardRow
  ) throws {
    let generationRoot =
      try card.generationRoots[conditions.generationKey]
      ?? context.keys.currentVersion(of: .generation, number: conditions.generationKey)
    let common: [SQLValue] = [
      .text(state.rawValue), .blob(title.softwareID.octets), .number(conditions.generationKey), .number(generationRoot),
      .number(conditions.expiry), .number(conditions.uses), .number(conditions.needsFreshTime ? 1 : 0),
      .blob(conditions.messageID), .integer(title.price.minorUnits), .text(title.price.currency.code),
      .number(context.clock.now()), .integer(owner.identifier),
    ]
    let first = try transaction.nextNumbers(codes.count, of: "code")
    for start in stride(from: 0, to: codes.count, by: rowsAtOnce) {
      let positions = start..<min(codes.count, start + rowsAtOnce)
      try transaction.tell(
        """
        INSERT INTO codes (state, software_id, generation_key, generation_root, expiry, uses, fresh_time, message_id,
          price, currency, made_at, \(owner.column), id, lookup, pepper, code, position)
        VALUES \(rowTexts[positions.count])
        """,
        positions.reduce(into: common) { values, position in
          let new = codes[position]
          values += [
            .integer(first + Int64(position)), .blob(new.lookup), .number(new.pepper), .blob(new.sealed),
            .number(position),
          ]
        })
    }
  }

  /// Rows of values: the same parameters in each, and five of its own.
  private static func rows(_ count: Int) -> String {
    (0..<count).map { row in
      let parameters = Array(1...commonCount) + (1...5).map { commonCount + 5 * row + $0 }
      return "(\(parameters.map { "$\($0)" }.joined(separator: ", ")))"
    }.joined(separator: ", ")
  }

  /// The codes of `owner`, as long as the centre keeps copies of them.
  ///
  /// - Parameter leavingOut: a state whose codes are not asked for, as long as there are others.
  static func open(
    _ transaction: any Transaction, _ context: CenterContext, _ owner: CodeOwner,
    leavingOut state: CodeSaleState? = nil
  ) throws -> [(code: RetrievalCode, record: CodeRecord)] {
    let rows = try transaction.run(
      "SELECT * FROM codes WHERE \(owner.column) = $1 ORDER BY position", [.integer(owner.identifier)])
    let wanted = try rows.filter { try $0.text("state") != state?.rawValue }
    return try (wanted.isEmpty ? rows : wanted).map { row in
      guard let sealed = try row.optionalOctets("code") else {
        throw CenterError(.conflict, "Reading codes", remedy: "The centre no longer keeps copies of these codes.")
      }
      let secret = try context.vault.open(sealed, .code, row: try row.octets("lookup"))
      guard let code = RetrievalCode(octets: secret.withBytes { $0.octets }) else { throw CryptoError.notAuthentic }
      return (code, try CodeRecord(row))
    }
  }

  /// Moves every code that is reserved for `owner` to `state`, and forgets the copies when it is told to.
  static func settle(
    _ transaction: any Transaction, _ owner: CodeOwner, state: CodeSaleState, forgettingCopies: Bool
  ) throws {
    let copy = forgettingCopies ? ", code = NULL" : ""
    try transaction.run(
      "UPDATE codes SET state = $2\(copy) WHERE \(owner.column) = $1 AND state = 'reserved'",
      [.integer(owner.identifier), .text(state.rawValue)])
  }

  /// The record of a code, whatever version of the pepper it was made under.
  static func find(
    _ transaction: any Transaction, _ code: RetrievalCode, _ keys: KeyStore
  ) throws -> CodeRecord? {
    for lookup in try lookups(code, keys) {
      if let row = try transaction.first("SELECT * FROM codes WHERE lookup = $1", [.blob(lookup)]) {
        return try CodeRecord(row)
      }
    }
    return nil
  }

  /// The codes that were made for card `$1`, as the table `k`: both ways go by an index.
  static let ofCard = """
    (SELECT k.* FROM charges c JOIN codes k ON k.charge = c.id WHERE c.card = $1
    UNION ALL SELECT k.* FROM seal_sheets s JOIN codes k ON k.sheet = s.id WHERE s.card = $1) k
    """

  /// What the codes sold with a card cost, one amount for each currency (P16: utilisation amount).
  static func amounts(_ transaction: any Transaction, card: CardSerial) throws -> [Money] {
    let rows = try transaction.run(
      """
      SELECT k.currency, CAST(SUM(k.price) AS BIGINT) AS amount FROM \(ofCard)
      WHERE k.state IN ('unused', 'inUse', 'used')
      GROUP BY k.currency ORDER BY k.currency
      """, [.blob(card.octets)])
    return try rows.map { try $0.money("amount") }
  }

  /// How many codes sold with a card are in a state.
  static func count(_ transaction: any Transaction, card: CardSerial, state: CodeSaleState) throws -> Int {
    let row = try transaction.first(
      """
      SELECT COUNT(*) AS count FROM \(ofCard) WHERE k.state = $2
      """, [.blob(card.octets), .text(state.rawValue)])
    return try row?.number("count") ?? 0
  }

  /// Where a code stands in the books, whatever its state; `nil` for one that the centre never made.
  static func row(_ transaction: any Transaction, _ code: RetrievalCode, _ keys: KeyStore) throws -> BookedCode? {
    for lookup in try lookups(code, keys) {
      let row = try transaction.first(
        """
        SELECT k.id, k.state, k.charge, k.sheet, COALESCE(c.card, s.card) AS card FROM codes k
        LEFT JOIN charges c ON c.id = k.charge LEFT JOIN seal_sheets s ON s.id = k.sheet WHERE k.lookup = $1
        """, [.blob(lookup)])
      if let row { return try BookedCode(row) }
    }
    return nil
  }

  /// What a code may be found by: a value under every version of the pepper.
  static func lookups(_ code: RetrievalCode, _ keys: KeyStore) throws -> [[UInt8]] {
    try keys.versions(of: .codePepper).map { try lookup(code, pepper: $0, keys) }
  }

  /// What a code is found by.
  static func lookup(_ code: RetrievalCode, pepper: UInt32, _ keys: KeyStore) throws -> [UInt8] {
    try keys.tag(code.octets, .codePepper, version: pepper)
  }
}

/// Where a code stands in the books.
struct BookedCode {
  var identifier: Int64
  var state: CodeSaleState
  var owner: CodeOwner
  var card: CardSerial

  fileprivate init?(_ row: SQLRow) throws {
    identifier = try row.integer("id")
    state = try row.value("state") { CodeSaleState(rawValue: $0) }
    card = try row.value("card") { CardSerial(octets: $0) }
    let (charge, sheet): (Int64?, Int64?) = (try row.optionalNumber("charge"), try row.optionalNumber("sheet"))
    guard let owner = charge.map(CodeOwner.charge) ?? sheet.map(CodeOwner.sheet) else { return nil }
    self.owner = owner
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
  func chargeRecord(_ code: RetrievalCode) -> ChargeRecord { conditions.chargeRecord(code, for: softwareID) }
}

extension CodeConditions {
  /// The record of a code under these conditions as it travels to a card.
  func chargeRecord(_ code: RetrievalCode, for softwareID: SoftwareID) -> ChargeRecord {
    ChargeRecord(
      code: code.octets, generationKey: generationKey, flags: needsFreshTime ? ChargeRecord.needsFreshTime : 0,
      expiry: expiry ?? 0, uses: uses ?? 0, softwareID: softwareID, messageID: messageID)
  }
}
