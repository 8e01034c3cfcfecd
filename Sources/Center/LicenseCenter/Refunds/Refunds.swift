import Formats
import Identifiers

/// What is given back.
public enum RefundSource: Hashable, Sendable {
  /// The unused codes of a booked charge.
  case charge(OperationID)
  /// The unused codes of a seal sheet, by its number.
  case sheet(UInt64)
  /// One unused code.
  case code(RetrievalCode)
}

/// Where the price goes.
public enum RefundDestination: String, Hashable, Sendable, CaseIterable {
  /// The holder's account: it pays later bills, or what is owed.
  case account
  /// The holder's hand, over the counter.
  case cash
  /// The means of payment that it came from.
  case payment
}

/// The order to take unused codes back.
public struct RefundOrder: Hashable, Sendable {
  /// The order's own name: repeating it refunds once.
  public var operationID: OperationID
  /// The card that they were sold with.
  public var cardSerial: CardSerial
  /// What is given back.
  public var source: RefundSource
  /// Where the price goes.
  public var destination: RefundDestination

  /// An order.
  public init(
    operationID: OperationID, cardSerial: CardSerial, source: RefundSource, destination: RefundDestination
  ) {
    self.operationID = operationID
    self.cardSerial = cardSerial
    self.source = source
    self.destination = destination
  }
}

/// What became of a refund.
public struct RefundOutcome: Hashable, Sendable {
  /// The order's name.
  public var operationID: OperationID
  /// The card.
  public var cardSerial: CardSerial
  /// How many codes are worth nothing now.
  public var codes: Int
  /// What they had cost, and is on the holder's account again.
  public var price: Money
  /// What of it went to pay-back that had been paid out and no longer stands.
  public var recovered: Money
  /// What of it left the account for the counter or the means of payment. The rest stays on the account: a debt is paid
  /// first.
  public var paid: Money
  /// When, seconds since 1970 UTC.
  public var refundedAt: UInt64
}

/// Takes unused codes back: they are voided first, their room under the card's maximum (P16) is free again, and the sale
/// is reversed by an entry of its own, all in one transaction.
///
/// A code that anybody has begun to redeem is not refunded, whichever comes first; once its seat is recovered it is unused
/// again, and can be. The codes stay where they are, on the
/// card or on paper, and are worth nothing.
public struct Refunds: Sendable {
  let context: CenterContext

  private static let operation = "Refunding codes"

  /// Refunds, or answers what was refunded under this name before.
  ///
  /// - Throws: ``CenterError/Code/notFound`` for a sale or code of which this card has nothing,
  ///   ``CenterError/Code/conflict`` when no code of it is unused, or when nothing was taken from a means of payment.
  public func refund(_ order: RefundOrder) async throws(CenterError) -> RefundOutcome {
    let context = context
    let outcome = try await context.database.write { transaction in
      if let earlier = try Refunds.earlier(transaction, context, order) { return earlier }
      return try Refunds.book(transaction, context, order, try RefundedSale(transaction, context, order))
    }
    let pending = try await context.database.read { try PaymentRefundRecord.find($0, order.operationID) }
    if let pending, context.processor != nil { _ = try? await Payments(context: context).ask(pending) }
    return outcome
  }

  /// The refunds of a card, oldest first.
  public func refunds(of serial: CardSerial) async throws(CenterError) -> [RefundOutcome] {
    try await context.database.read { try Refunds.refunds($0, of: serial) }
  }

  /// At most `limit` refunds of a card, oldest first, those that follow the one called `last` if it is given.
  public func refunds(
    of serial: CardSerial, after last: OperationID?, limit: Int
  ) async throws(CenterError) -> [RefundOutcome] {
    let from =
      last == nil
      ? "" : "AND (refunded_at, operation) > (SELECT refunded_at, operation FROM refunds WHERE operation = $3)"
    return try await context.database.read { transaction in
      try transaction.run(
        "SELECT * FROM refunds WHERE card = $1 \(from) ORDER BY refunded_at, operation LIMIT $2",
        [.blob(serial.octets), .number(limit)] + (last.map { [.blob($0.octets)] } ?? [])
      ).map(RefundOutcome.init)
    }
  }

  static func refunds(_ transaction: any Transaction, of serial: CardSerial) throws -> [RefundOutcome] {
    try transaction.run("SELECT * FROM refunds WHERE card = $1 ORDER BY refunded_at, operation", [.blob(serial.octets)])
      .map(RefundOutcome.init)
  }

  private static func earlier(
    _ transaction: any Transaction, _ context: CenterContext, _ order: RefundOrder
  ) throws -> RefundOutcome? {
    let row = try transaction.first(
      "SELECT * FROM refunds WHERE operation = $1", [.blob(order.operationID.octets)])
    guard let row else { return nil }
    // An order about what there never was is another order, too.
    guard try row.octets("card") == order.cardSerial.octets,
      try row.text("destination") == order.destination.rawValue,
      try row.text("source") == (try? RefundedSale(transaction, context, order))?.source
    else {
      throw CenterError(.keyReused, operation, remedy: "This operation was done before with another order.")
    }
    return try RefundOutcome(row)
  }

  private static func book(
    _ transaction: any Transaction, _ context: CenterContext, _ order: RefundOrder, _ sale: RefundedSale
  ) throws -> RefundOutcome {
    let now = context.clock.now()
    let serial = order.cardSerial
    let (codes, price) = try sale.void(transaction)
    guard codes > 0 else {
      throw CenterError(.conflict, operation, remedy: "No code of it is unused; only unused codes are refunded.")
    }
    try transaction.run(
      "UPDATE cards SET charged_codes = charged_codes - $2 WHERE serial = $1", [.blob(serial.octets), .number(codes)])
    try Ledger.transfer(
      transaction, price, from: .seller(sale.title.seller), to: .holder(serial),
      operation: "codes-refund:\(order.operationID)", memo: "codes refunded", at: now)
    try Payback.judgeAgain(transaction, context, try JudgedSale(transaction, sale.owner, card: serial, sale.title))
    let recovered = try recover(transaction, context, order, atMost: price)
    let paid = try pay(transaction, context, order, sale, try price.subtracting(recovered))
    try transaction.run(
      """
      INSERT INTO refunds (operation, card, source, destination, codes, price, recovered, paid, currency, refunded_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
      """,
      [
        .blob(order.operationID.octets), .blob(serial.octets), .text(sale.source), .text(order.destination.rawValue),
        .number(codes), .integer(price.minorUnits), .integer(recovered.minorUnits), .integer(paid.minorUnits),
        .text(price.currency.code), .number(now),
      ])
    try AuditLog.append(
      transaction, at: now, "codes.refund", subject: serial,
      detail: "\(sale.source), \(codes) codes, \(price), \(paid) to \(order.destination.rawValue)")
    try Notices.post(
      transaction, context,
      try Notice(.codesRefunded, amount: price, text: "\(codes) unused codes refunded: \(price)."), to: serial)
    return RefundOutcome(
      operationID: order.operationID, cardSerial: serial, codes: codes, price: price, recovered: recovered, paid: paid,
      refundedAt: now)
  }

  /// Pay-back that was paid out and no longer stands is paid from the refund.
  private static func recover(
    _ transaction: any Transaction, _ context: CenterContext, _ order: RefundOrder, atMost price: Money
  ) throws -> Money {
    let balance = try Ledger.balance(transaction, .payback(order.cardSerial), price.currency)
    guard balance.minorUnits < 0 else { return .zero(price.currency) }
    let missing = try balance.negated()
    let amount = missing.minorUnits < price.minorUnits ? missing : price
    try Ledger.transfer(
      transaction, amount, from: .holder(order.cardSerial), to: .payback(order.cardSerial),
      operation: "payback-recovered:\(order.operationID)", memo: "pay-back recovered", at: context.clock.now())
    return amount
  }

  /// Pays the holder out, as far as the account has credit.
  private static func pay(
    _ transaction: any Transaction, _ context: CenterContext, _ order: RefundOrder, _ sale: RefundedSale,
    _ amount: Money
  ) throws -> Money {
    let credit = try Ledger.balance(transaction, .holder(order.cardSerial), amount.currency).minorUnits
    var units = max(0, min(amount.minorUnits, credit))
    let payment: PaymentRecord?
    switch order.destination {
    case .account: return .zero(amount.currency)
    case .cash: payment = nil
    case .payment:
      guard let found = try PaymentRecord.find(transaction, bill: sale.bill), found.state == .captured else {
        throw CenterError(
          .conflict, operation, remedy: "Nothing was taken from a means of payment for this; refund it otherwise.")
      }
      units = min(units, try found.amount.subtracting(found.refunded).minorUnits)
      payment = found
    }
    let paid = Money(minorUnits: units, currency: amount.currency)
    guard units > 0 else { return paid }
    if let payment {
      try Payments.openRefund(transaction, context, order.operationID, paid, of: payment)
    } else {
      try Ledger.transfer(
        transaction, paid, from: .holder(order.cardSerial), to: .cash,
        operation: "codes-refund-paid:\(order.operationID)",
        memo: "codes refunded", at: context.clock.now())
    }
    return paid
  }
}

extension RefundOutcome {
  fileprivate init(_ row: SQLRow) throws {
    operationID = try row.value("operation") { OperationID(octets: $0) }
    cardSerial = try row.value("card") { CardSerial(octets: $0) }
    codes = try row.number("codes")
    price = try row.money("price")
    recovered = try row.money("recovered")
    paid = try row.money("paid")
    refundedAt = try row.number("refunded_at")
  }
}
