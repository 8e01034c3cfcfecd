import Formats
import Identifiers

/// What the counter does about payments.
extension Payments {
  /// Collects what a holder owes in one currency from the means of payment on file: bills that were sold on account, or
  /// whose payment failed. Once for each operation; bills that are being collected already are left out.
  ///
  /// - Throws: ``CenterError/Code/conflict`` when nothing is owed, when no means of payment is on file, or when an earlier
  ///   collection is under way; ``CenterError/Code/paymentDeclined`` and ``CenterError/Code/paymentUnknown``.
  public func collect(
    from serial: CardSerial, in currency: Currency, operation: OperationID
  ) async throws(CenterError) -> PaymentRecord {
    _ = try processor(Payments.collecting)
    let reference = Payments.debt(operation)
    let context = context
    try await context.database.write { try Payments.openDebt($0, context, serial, currency, reference) }
    try await authorise(bill: reference)
    try await context.database.write { try Payments.bill($0, context, reference) }
    await settle(bill: reference)
    return try await context.database.read { transaction in
      guard let payment = try PaymentRecord.find(transaction, bill: reference) else {
        throw CenterError(.damaged, Payments.collecting, remedy: "The payment is gone; restore a backup.")
      }
      return payment
    }
  }

  /// Gives up a payment for which nothing was sold: what is set aside is let go. Again is fine.
  ///
  /// - Returns: The bill that it was for.
  /// - Throws: ``CenterError/Code/notFound``; ``CenterError/Code/conflict`` for one that is taken or about to be, which is
  ///   refunded instead, and for a charge's: its card decides.
  public func void(_ payment: OperationID) async throws(CenterError) -> String {
    let operation = "Giving a payment up"
    let context = context
    let bill = try await context.database.write { transaction in
      let record = try PaymentRecord.get(transaction, payment)
      switch record.state {
      case .authorising, .authorised:
        guard !record.bill.hasPrefix("charge:") else {
          throw CenterError(.conflict, operation, remedy: "The card decides; carry the charge on, or give it up.")
        }
        try Payments.release(transaction, context, record.bill)
      case .voiding, .voided, .declined: break
      case .capturing, .captured, .uncollected:
        throw CenterError(.conflict, operation, remedy: "Something was sold for it; refund that.")
      }
      return record.bill
    }
    await settle(bill: bill)
    return bill
  }

  /// A payment by its name at the processor.
  public func payment(_ payment: OperationID) async throws(CenterError) -> PaymentRecord {
    try await context.database.read { try PaymentRecord.get($0, payment) }
  }

  /// At most `limit` payments of a holder, oldest first, those that follow the one called `last` if it is given.
  public func payments(
    of serial: CardSerial, after last: OperationID?, limit: Int
  ) async throws(CenterError) -> [PaymentRecord] {
    try await page("card = $1", [.blob(serial.octets)], after: last, limit: limit)
  }

  /// At most `limit` payments whose fate is not known yet, oldest first, those that follow the one called `last` if it is
  /// given.
  public func paymentsUnderWay(after last: OperationID?, limit: Int) async throws(CenterError) -> [PaymentRecord] {
    try await page(
      "$1 = $1 AND state IN ('authorising', 'authorised', 'capturing', 'voiding')", [1], after: last, limit: limit)
  }

  /// Whether a means of payment is on file for a holder.
  public func hasMethod(_ serial: CardSerial) async throws(CenterError) -> Bool {
    try await context.database.read { transaction in
      try transaction.first("SELECT 1 FROM payment_methods WHERE card = $1", [.blob(serial.octets)]) != nil
    }
  }

  private func page(
    _ condition: String, _ values: [SQLValue], after last: OperationID?, limit: Int
  ) async throws(CenterError) -> [PaymentRecord] {
    let from =
      last == nil ? "" : "AND (opened_at, payment) > (SELECT opened_at, payment FROM payments WHERE payment = $3)"
    return try await context.database.read { transaction in
      try transaction.run(
        "SELECT * FROM payments WHERE \(condition) \(from) ORDER BY opened_at, payment LIMIT $2",
        values + [.number(limit)] + (last.map { [.blob($0.octets)] } ?? [])
      ).map(PaymentRecord.init)
    }
  }

  private static let collecting = "Collecting a debt"

  private static func debt(_ operation: OperationID) -> String { "debt:\(operation)" }

  /// Opens the payment of what a holder owes, unless this operation has.
  private static func openDebt(
    _ transaction: any Transaction, _ context: CenterContext, _ serial: CardSerial, _ currency: Currency,
    _ reference: String
  ) throws {
    if let earlier = try PaymentRecord.find(transaction, bill: reference) {
      guard earlier.cardSerial == serial, earlier.amount.currency == currency else {
        throw CenterError(.keyReused, collecting, remedy: "This operation was done before with another order.")
      }
      return
    }
    _ = try CardRow.issued(transaction, serial)
    let rows = try transaction.run(
      """
      SELECT bill, amount FROM payments WHERE card = $1 AND currency = $2
      AND (state = 'capturing' OR state IN ('authorising', 'authorised') AND bill LIKE 'debt:%')
      """, [.blob(serial.octets), .text(currency.code)])
    guard try !rows.contains(where: { try $0.text("bill").hasPrefix("debt:") }) else {
      throw CenterError(.conflict, collecting, remedy: "An earlier collection is under way; reconcile it first.")
    }
    var owed = try Ledger.balance(transaction, .holder(serial), currency).negated()
    for row in rows { owed = try owed.subtracting(Money(minorUnits: try row.integer("amount"), currency: currency)) }
    guard owed.minorUnits > 0 else {
      throw CenterError(.conflict, collecting, remedy: "The holder owes nothing in \(currency).")
    }
    try open(transaction, context, Bill(reference: reference, holder: serial, amount: owed))
    guard try PaymentRecord.find(transaction, bill: reference) != nil else {
      throw CenterError(.conflict, collecting, remedy: "No means of payment is on file; file one.")
    }
  }
}
