import Formats
import Identifiers

/// The sale that a refund order is about, found in the books.
struct RefundedSale {
  /// `charge:`, `sheet:` or `code:` and the row's number.
  var source: String
  var owner: CodeOwner
  var title: TitleRecord
  /// What its payment is noted under.
  var bill: String
  /// The one code that is given back; `nil` for all that are unused.
  private var code: Int64?

  init(_ transaction: any Transaction, _ context: CenterContext, _ order: RefundOrder) throws {
    switch order.source {
    case .charge(let operation):
      let charge = try ChargeRow.find(transaction, operation: operation)
      guard let charge, charge.outcome.state == .booked else { throw RefundedSale.unknown }
      (owner, code) = (.charge(charge.identifier), nil)
      source = "charge:\(charge.identifier)"
    case .sheet(let number):
      (owner, code) = (.sheet(Int64(clamping: number)), nil)
      source = "sheet:\(number)"
    case .code(let given):
      guard let sold = try CodeSales.row(transaction, given, context.keys) else { throw RefundedSale.unknown }
      (owner, code) = (sold.owner, sold.identifier)
      source = "code:\(sold.identifier)"
    }
    let (table, billed) =
      switch owner {
      case .charge: ("charges", "charge")
      case .sheet: ("seal_sheets", "sheet-order")
      }
    let row = try transaction.first(
      "SELECT operation, card, software_id FROM \(table) WHERE id = $1", [.integer(owner.identifier)])
    guard let row, try row.octets("card") == order.cardSerial.octets else { throw RefundedSale.unknown }
    bill = try "\(billed):\(row.value("operation") { OperationID(octets: $0) })"
    title = try TitleRow.get(transaction, try row.value("software_id") { SoftwareID(octets: $0) }).record
  }

  /// Makes the unused codes worth nothing, and answers how many they are and what they had cost.
  func void(_ transaction: any Transaction) throws -> (codes: Int, price: Money) {
    let one = code == nil ? "" : " AND id = $2"
    let rows = try transaction.run(
      """
      UPDATE codes SET state = 'voided', code = NULL WHERE \(owner.column) = $1 AND state = 'unused'\(one)
      RETURNING price, currency
      """, [.integer(owner.identifier)] + (code.map { [.integer($0)] } ?? []))
    var price = Money.zero(title.price.currency)
    for row in rows { price = try price.adding(try row.money("price")) }
    return (rows.count, price)
  }

  private static var unknown: CenterError {
    CenterError(.notFound, "Refunding codes", remedy: "Nothing like it was sold with this card.")
  }
}
