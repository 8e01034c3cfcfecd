import CardProtocol
import Cryptography
import Formats
import Identifiers

/// A charge that is in no books yet.
struct ChargeDraft: Sendable {
  let order: ChargeOrder
  let orderDigest: [UInt8]
  /// Its number on the card.
  let number: UInt32
  let codes: [NewCode]
  /// The batch as it goes to the card.
  let batch: [UInt8]
  private let digest: [UInt8]

  /// A charge of these codes.
  init(_ order: ChargeOrder, _ orderDigest: [UInt8], number: UInt32, codes: [NewCode]) throws {
    self.order = order
    self.orderDigest = orderDigest
    self.number = number
    self.codes = codes
    let records = codes.map { order.conditions.chargeRecord($0.code, for: order.softwareID) }
    batch = try ChargeBatch(number: number, records: records).encoded()
    digest = Digest.sha256(batch)
  }

  /// The same charge with only so many of its codes.
  func limited(to count: Int) throws -> ChargeDraft {
    guard count < codes.count else { return self }
    return try ChargeDraft(order, orderDigest, number: number, codes: Array(codes.prefix(count)))
  }

  /// Notes the charge as open.
  ///
  /// - Returns: its row; `nil` when another charge has the order's name.
  func enter(_ transaction: any Transaction, _ title: TitleRecord, at time: UInt64) throws -> ChargeRow? {
    let identifier = try transaction.nextNumber(of: "charge")
    let entered = try transaction.change(
      """
      INSERT INTO charges (id, operation, order_digest, card, number, software_id, desired, actual, price, currency,
        batch_digest, state, opened_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'open', $12)
      ON CONFLICT (operation) DO NOTHING
      """,
      [
        .integer(identifier), .blob(order.operationID.octets), .blob(orderDigest), .blob(order.cardSerial.octets),
        .number(number), .blob(order.softwareID.octets), .number(order.quantity), .number(codes.count),
        .integer(title.price.minorUnits), .text(title.price.currency.code), .blob(digest), .number(time),
      ])
    guard entered == 1 else { return nil }
    let outcome = ChargeOutcome(
      operationID: order.operationID, cardSerial: order.cardSerial, number: number, softwareID: order.softwareID,
      desired: Int(order.quantity), actual: codes.count, price: title.price, state: .open, openedAt: time)
    return ChargeRow(identifier: identifier, outcome: outcome, orderDigest: orderDigest, batchDigest: digest)
  }
}
