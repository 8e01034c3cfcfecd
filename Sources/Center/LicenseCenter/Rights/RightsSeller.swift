import Cryptography
import Formats
import Identifiers
import Octets

/// The seller of rights: retrieval codes on printed sheets (P2, P3), and what is known of any code.
public struct RightsSeller: Sendable {
  let context: CenterContext

  /// Sells the codes of a seal sheet with a card, and bills them to its holder once.
  ///
  /// - Returns: The sheet, ready to be printed; the same order gives the same sheet until ``confirmPrinted(_:)``, but for
  ///   codes that were taken back since.
  public func sell(_ order: SealSheetOrder) async throws(CenterError) -> SealSheet {
    let context = context
    let operation = "Selling codes with card \(order.cardSerial)"
    let digest = Digest.sha256(order.encoded)
    try await authorise(order, operation)
    let sold: SealSheet
    do {
      sold = try await book(order, digest, operation)
    } catch {
      try? await Payments(context: context).release(bill: order.bill)
      throw error
    }
    try? await Payments(context: context).release(bill: order.bill)
    return sold
  }

  /// Has the price of an order set aside where a means of payment is on file, unless the sheet is sold already.
  private func authorise(_ order: SealSheetOrder, _ operation: String) async throws(CenterError) {
    guard context.processor != nil else { return }
    let digest = Digest.sha256(order.encoded)
    let price = try await context.database.read { transaction in
      try RightsSeller.earlier(transaction, order, digest, operation) == nil
        ? try TitleRow.get(transaction, order.softwareID).record.price.multiplied(by: Int(order.quantity)) : nil
    }
    guard let price else { return }
    try await Payments(context: context).authorise(
      Bill(reference: order.bill, holder: order.cardSerial, amount: price))
  }

  /// The number of the sheet that this order was answered with before.
  private static func earlier(
    _ transaction: any Transaction, _ order: SealSheetOrder, _ digest: [UInt8], _ operation: String
  ) throws -> Int64? {
    let earlier = try transaction.first(
      "SELECT id, order_digest FROM seal_sheets WHERE operation = $1", [.blob(order.operationID.octets)])
    guard let earlier else { return nil }
    guard try earlier.octets("order_digest") == digest else {
      throw CenterError(.keyReused, operation, remedy: "This operation was done before with another order.")
    }
    return try earlier.integer("id")
  }

  /// Books the sale of a sheet, or finds that it was booked before.
  private func book(
    _ order: SealSheetOrder, _ digest: [UInt8], _ operation: String
  ) async throws(CenterError) -> SealSheet {
    let context = context
    let codes = try NewCode.make(Int(order.quantity), context, operation)
    return try await context.database.write { transaction in
      if let number = try RightsSeller.earlier(transaction, order, digest, operation) {
        return try RightsSeller.sheet(transaction, context, number: number)
      }
      let card = try CardRow.issued(transaction, order.cardSerial)
      let title = try TitleRow.get(transaction, order.softwareID).record
      let remaining = try card.remainingCodes(transaction)
      guard Int(order.quantity) <= remaining else {
        throw CenterError(
          .limitReached, operation, remedy: "At most \(remaining) more codes may be sold with this card.")
      }
      let number = try RightsSeller.record(transaction, context, order, digest, title, card, codes)
      return try RightsSeller.sheet(transaction, context, number: number)
    }
  }

  /// A sheet that is sold and not yet printed.
  public func sheet(number: UInt64) async throws(CenterError) -> SealSheet {
    let context = context
    return try await context.database.read { transaction in
      try RightsSeller.sheet(transaction, context, number: Int64(clamping: number))
    }
  }

  /// Says that a sheet is on paper: the centre forgets its copies of the codes. Saying so again changes nothing.
  public func confirmPrinted(_ number: UInt64) async throws(CenterError) {
    let context = context
    try await context.database.write { transaction in
      let row = try RightsSeller.row(transaction, number: Int64(clamping: number))
      guard try row.optionalNumber("printed_at", as: UInt64.self) == nil else { return }
      let now = context.clock.now()
      let identifier = try row.integer("id")
      try transaction.run(
        "UPDATE seal_sheets SET printed_at = $2 WHERE id = $1", [.integer(identifier), .number(now)])
      try transaction.run("UPDATE codes SET code = NULL WHERE sheet = $1", [.integer(identifier)])
      try AuditLog.append(transaction, at: now, "sheet.print", subject: identifier)
    }
  }

  /// What the centre knows of a code; `nil` for one that it never made.
  public func record(of code: RetrievalCode) async throws(CenterError) -> CodeRecord? {
    let keys = context.keys
    return try await context.database.read { try CodeSales.find($0, code, keys) }
  }

  private static func record(
    _ transaction: any Transaction, _ context: CenterContext, _ order: SealSheetOrder, _ digest: [UInt8],
    _ title: TitleRecord, _ card: CardRow, _ codes: [NewCode]
  ) throws -> Int64 {
    let number = try transaction.nextNumber(of: "seal sheet")
    let now = context.clock.now()
    try transaction.run(
      """
      INSERT INTO seal_sheets (id, operation, order_digest, card, software_id, url, expiry, sold_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
      """,
      [
        .integer(number), .blob(order.operationID.octets), .blob(digest), .blob(order.cardSerial.octets),
        .blob(order.softwareID.octets), .text(order.url), .number(order.conditions.expiry), .number(now),
      ])
    try CodeSales.enter(
      codes, transaction, context, title: title, conditions: order.conditions, state: .unused, owner: .sheet(number),
      card: card)
    try transaction.run(
      "UPDATE cards SET charged_codes = charged_codes + $2 WHERE serial = $1",
      [.blob(order.cardSerial.octets), .number(order.quantity)])
    let amount = try title.price.multiplied(by: Int(order.quantity))
    try Ledger.transfer(
      transaction, amount, from: .holder(order.cardSerial), to: .seller(title.seller), operation: "sheet:\(number)",
      memo: "seal sheet", at: now)
    try Payments.bill(transaction, context, order.bill)
    try Payback.judge(transaction, context, .sheet(number), card: order.cardSerial, title)
    try AuditLog.append(
      transaction, at: now, "sheet.sell", subject: order.cardSerial,
      detail: "sheet \(number), \(order.quantity) codes, \(amount)")
    return number
  }

  private static func row(_ transaction: any Transaction, number: Int64) throws -> SQLRow {
    guard let row = try transaction.first("SELECT * FROM seal_sheets WHERE id = $1", [.integer(number)]) else {
      throw CenterError(.notFound, "Looking up sheet \(number)", remedy: "Check the number.")
    }
    return row
  }

  private static func sheet(
    _ transaction: any Transaction, _ context: CenterContext, number: Int64
  ) throws -> SealSheet {
    let row = try row(transaction, number: number)
    let softwareID = try row.value("software_id") { SoftwareID(octets: $0) }
    let title = try TitleRow.get(transaction, softwareID).record
    return SealSheet(
      number: try row.number("id"), centerName: context.facts.name,
      cardSerial: try row.value("card") { CardSerial(octets: $0) }, title: "\(title.name) \(title.version)",
      softwareID: softwareID, url: try row.text("url"), expiry: try row.optionalNumber("expiry"),
      codes: try CodeSales.open(transaction, context, .sheet(number), leavingOut: .voided).map(\.code))
  }
}

extension SealSheetOrder {
  /// Under what its payment is noted.
  var bill: String { "sheet-order:\(operationID)" }
}
