import CardProtocol
import Cryptography
import Formats
import Identifiers
import Octets

/// What became of a charge order (P6): desired against actual quantity, the codes' title, the amount.
public struct ChargeOutcome: Hashable, Sendable {
  /// Whether and how the charge was settled.
  public enum State: String, Hashable, Sendable {
    /// Its fate on the card is not known yet; running the order again settles it.
    case open
    /// The card has the codes, and they are billed.
    case booked
    /// The codes are worth nothing, and nothing was billed.
    case voided
  }

  /// The order's name.
  public var operationID: OperationID
  /// The card.
  public var cardSerial: CardSerial
  /// The charge's number on the card.
  public var number: UInt32
  /// The title.
  public var softwareID: SoftwareID
  /// How many codes were wanted.
  public var desired: Int
  /// How many were made.
  public var actual: Int
  /// The price of one.
  public var price: Money
  /// Where it stands.
  public var state: State
  /// When it was opened, seconds since 1970 UTC.
  public var openedAt: UInt64

  /// What all of them cost.
  public var amount: Money { get throws(MoneyError) { try price.multiplied(by: actual) } }

  /// The operation of the ledger that bills it.
  var bill: String { "charge:\(operationID)" }
}

/// A row of the charge table.
struct ChargeRow {
  var identifier: Int64
  var outcome: ChargeOutcome
  var orderDigest: [UInt8]
  var batchDigest: [UInt8]
}

extension ChargeRow {
  init(_ row: SQLRow) throws {
    let outcome = ChargeOutcome(
      operationID: try row.value("operation") { OperationID(octets: $0) },
      cardSerial: try row.value("card") { CardSerial(octets: $0) }, number: try row.number("number"),
      softwareID: try row.value("software_id") { SoftwareID(octets: $0) }, desired: try row.number("desired"),
      actual: try row.number("actual"), price: try row.money("price"),
      state: try row.value("state") { ChargeOutcome.State(rawValue: $0) }, openedAt: try row.number("opened_at"))
    self.init(
      identifier: try row.integer("id"), outcome: outcome, orderDigest: try row.octets("order_digest"),
      batchDigest: try row.octets("batch_digest"))
  }

  static func find(_ transaction: any Transaction, operation: OperationID) throws -> ChargeRow? {
    try transaction.first("SELECT * FROM charges WHERE operation = $1", [.blob(operation.octets)]).map(ChargeRow.init)
  }

  /// The charge of a card that a receipt is for; the newest, should several have had that number and those codes.
  static func find(
    _ transaction: any Transaction, card: CardSerial, number: UInt32, batchDigest: [UInt8]
  ) throws -> ChargeRow? {
    try transaction.first(
      "SELECT * FROM charges WHERE card = $1 AND number = $2 AND batch_digest = $3 ORDER BY id DESC LIMIT 1",
      [.blob(card.octets), .number(number), .blob(batchDigest)]
    ).map(ChargeRow.init)
  }

  /// The one charge of a card whose fate is not known.
  static func open(_ transaction: any Transaction, card: CardSerial) throws -> ChargeRow? {
    try transaction.first("SELECT * FROM charges WHERE card = $1 AND state = 'open'", [.blob(card.octets)])
      .map(ChargeRow.init)
  }

  /// Notes that the charge is settled.
  ///
  /// - Returns: `nil` when it was before.
  func close(_ transaction: any Transaction, as state: ChargeOutcome.State, at time: UInt64) throws -> ChargeRow? {
    let closed = try transaction.change(
      "UPDATE charges SET state = $2, closed_at = $3 WHERE id = $1 AND state = 'open'",
      [.integer(identifier), .text(state.rawValue), .number(time)])
    guard closed == 1 else { return nil }
    var row = self
    row.outcome.state = state
    return row
  }

  /// Whether the next charge of a card with this counter has a number of its own: the counter stands at the last booked
  /// charge, or at a voided one after it, which the card has all the same.
  static func fits(_ transaction: any Transaction, counter: UInt32, _ card: CardRow) throws -> Bool {
    let booked = try card.chargeNumber
    return try counter == booked
      || (counter > booked && wasVoided(transaction, card: card.serial, number: counter))
  }

  private static func wasVoided(_ transaction: any Transaction, card: CardSerial, number: UInt32) throws -> Bool {
    try transaction.first(
      "SELECT id FROM charges WHERE card = $1 AND number = $2 AND state = 'voided'",
      [.blob(card.octets), .number(number)]) != nil
  }

  /// The batch as it goes to the card; the same octets each time.
  func batch(_ transaction: any Transaction, _ context: CenterContext) throws -> ChargeBatch {
    let codes = try CodeSales.open(transaction, context, .charge(identifier))
    return ChargeBatch(number: outcome.number, records: codes.map { $0.record.chargeRecord($0.code) })
  }
}

/// A card that is somebody's and where its charges stand, read at once.
struct ChargeableCard {
  let card: CardRow
  /// The newest charge, whatever became of it; 0 before the first.
  let lastCharge: Int64
  /// Whether the fate of one is not known.
  let hasOpenCharge: Bool

  /// - Throws: ``CenterError/Code/notFound`` and ``CenterError/Code/conflict`` for a card that is unknown or nobody's yet.
  init(_ transaction: any Transaction, _ serial: CardSerial) throws {
    let row = try transaction.first(
      """
      SELECT *, (SELECT COALESCE(MAX(id), 0) FROM charges WHERE card = $1) AS last_charge,
      (SELECT COUNT(*) FROM charges WHERE card = $1 AND state = 'open') AS open_charges FROM cards WHERE serial = $1
      """, [.blob(serial.octets)])
    card = try CardRow.issued(row, serial)
    lastCharge = try card.row.integer("last_charge")
    hasOpenCharge = try card.row.integer("open_charges") > 0
  }
}
