import Formats
import Identifiers

/// The one place that a holder's view is read from: page, API and command line ask here.
public struct Statements: Sendable {
  /// The most codes or movements on one page.
  public static let pageLimit = 500

  let context: CenterContext

  /// A holder's statement, all of it of one moment.
  ///
  /// - Throws: ``CenterError/Code/notFound`` for a card that the centre does not know.
  public func statement(of serial: CardSerial) async throws(CenterError) -> HolderStatement {
    let context = context
    return try await context.database.read { transaction in
      let card = try CardRow.get(transaction, serial)
      let filed = try transaction.first(
        "SELECT processor FROM payment_methods WHERE card = $1", [.blob(serial.octets)])
      return HolderStatement(
        card: try card.record(context.vault, amounts: try CodeSales.amounts(transaction, card: serial)),
        codes: try Statements.counts(transaction, serial), balances: try Statements.balances(transaction, serial),
        grants: try Payback.grants(transaction, to: serial), hasPaymentMethod: filed != nil,
        payments: try Payments.payments(transaction, of: serial),
        refunds: try Refunds.refunds(transaction, of: serial), notices: try Notices.records(transaction, of: serial))
    }
  }

  /// The codes sold with a card, in the order of their making, those with numbers beyond `number`; at most `limit`.
  public func codes(
    of serial: CardSerial, after number: UInt64 = 0, limit: Int = Statements.pageLimit
  ) async throws(CenterError) -> [CodeLine] {
    try await context.database.read { transaction in
      try transaction.run(
        """
        SELECT k.*, c.number AS charge_number FROM \(CodeSales.ofCard) LEFT JOIN charges c ON c.id = k.charge
        WHERE k.id > $2 ORDER BY k.id LIMIT $3
        """, [.blob(serial.octets), .number(number), .number(limit)]
      ).map(CodeLine.init)
    }
  }

  private static func counts(_ transaction: any Transaction, _ serial: CardSerial) throws -> [CodeCount] {
    try transaction.run(
      """
      SELECT k.software_id, t.name, t.version, k.state, COUNT(*) AS count FROM \(CodeSales.ofCard)
      JOIN titles t ON t.software_id = k.software_id
      GROUP BY k.software_id, t.name, t.version, k.state ORDER BY t.name, t.version, k.software_id, k.state
      """, [.blob(serial.octets)]
    ).map { row in
      CodeCount(
        softwareID: try row.value("software_id") { SoftwareID(octets: $0) },
        title: "\(try row.text("name")) \(try row.text("version"))",
        state: try row.value("state") { CodeSaleState(rawValue: $0) }, count: try row.number("count"))
    }
  }

  private static func balances(_ transaction: any Transaction, _ serial: CardSerial) throws -> [HolderBalance] {
    let rows = try transaction.run(
      """
      SELECT DISTINCT currency FROM accounts WHERE kind IN ('holder', 'payback') AND owner = $1 ORDER BY currency
      """, [.text(serial.description)])
    return try rows.map { row in
      let currency = try row.value("currency") { (text: String) in Currency(text) }
      return HolderBalance(
        account: try Ledger.balance(transaction, .holder(serial), currency),
        payback: try Ledger.balance(transaction, .payback(serial), currency))
    }
  }
}

extension CodeLine {
  fileprivate init(_ row: SQLRow) throws {
    number = try row.number("id")
    softwareID = try row.value("software_id") { SoftwareID(octets: $0) }
    state = try row.value("state") { CodeSaleState(rawValue: $0) }
    price = try row.money("price")
    madeAt = try row.number("made_at")
    expiry = try row.optionalNumber("expiry")
    charge = try row.optionalNumber("charge_number")
    sheet = try row.optionalNumber("sheet")
    position = try row.number("position")
  }
}
