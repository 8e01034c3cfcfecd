import Formats
import Identifiers

/// What a rule granted.
public struct PaybackGrant: Hashable, Sendable {
  /// The rule's number.
  public var rule: UInt64
  /// What for.
  public var kind: PaybackKind
  /// The sale or introduction.
  public var occasion: String
  /// How much stands of it now; less than was granted where codes were refunded.
  public var amount: Money
  /// When it was first granted, seconds since 1970 UTC.
  public var grantedAt: UInt64
}

extension PaybackGrant {
  init(_ row: SQLRow) throws {
    rule = try row.number("rule")
    kind = try row.value("kind") { PaybackKind(rawValue: $0) }
    occasion = try row.text("occasion")
    amount = try row.money("amount")
    grantedAt = try row.number("granted_at")
  }
}

/// From what is granted to what the holder has in hand.
extension Payback {
  /// What was granted to a holder, oldest first.
  public func grants(to serial: CardSerial) async throws(CenterError) -> [PaybackGrant] {
    try await context.database.read { try Payback.grants($0, to: serial) }
  }

  static func grants(_ transaction: any Transaction, to serial: CardSerial) throws -> [PaybackGrant] {
    try transaction.run(
      """
      SELECT g.*, r.kind FROM payback_grants g JOIN payback_rules r ON r.id = g.rule WHERE g.card = $1 ORDER BY g.id
      """, [.blob(serial.octets)]
    ).map(PaybackGrant.init)
  }

  /// What is granted to a holder and not paid out yet; below nothing when more was paid out than still stands.
  public func balance(of serial: CardSerial, in currency: Currency) async throws(CenterError) -> Money {
    try await context.database.read { try Ledger.balance($0, .payback(serial), currency) }
  }

  /// Pays granted money out, once for each operation.
  ///
  /// - Throws: ``CenterError/Code/limitReached`` for more than there is; ``CenterError/Code/conflict`` for cash to a holder
  ///   who owes something: that pays the debt first.
  public func payOut(
    _ amount: Money, of serial: CardSerial, to destination: PaybackDestination, operation: OperationID
  ) async throws(CenterError) {
    let name = "Paying pay-back out"
    guard amount.minorUnits > 0, amount.currency != .points else {
      throw CenterError(.invalid, name, remedy: "Name a positive amount of money; points are exchanged first.")
    }
    let context = context
    try await context.database.write { transaction in
      let now = context.clock.now()
      let isNew = try Ledger.transfer(
        transaction, amount, from: .payback(serial), to: destination == .cash ? .cash : .holder(serial),
        operation: "payout:\(operation)", memo: "pay-back", at: now)
      guard isNew else { return }
      guard try Ledger.balance(transaction, .payback(serial), amount.currency).minorUnits >= 0 else {
        throw CenterError(.limitReached, name, remedy: "So much pay-back is not granted.")
      }
      if destination == .cash, try Ledger.balance(transaction, .holder(serial), amount.currency).minorUnits < 0 {
        throw CenterError(.conflict, name, remedy: "The holder owes something; pay it out to the account.")
      }
      try AuditLog.append(
        transaction, at: now, "payback.payout", subject: serial, detail: "\(amount), \(destination.rawValue)")
      try Notices.post(
        transaction, context,
        try Notice(.paybackPaidOut, amount: amount, text: "Pay-back paid out (\(destination.rawValue)): \(amount)."),
        to: serial)
    }
  }

  /// Turns points into granted money at what a point is worth now, once for each operation.
  ///
  /// - Returns: The money.
  /// - Throws: ``CenterError/Code/limitReached`` for more points than there are, ``CenterError/Code/conflict`` when a point
  ///   is worth nothing in this currency.
  public func exchange(
    points count: Int64, of serial: CardSerial, into currency: Currency, operation: OperationID
  ) async throws(CenterError) -> Money {
    let name = "Exchanging points"
    guard count > 0 else { throw CenterError(.invalid, name, remedy: "Name how many points.") }
    let context = context
    return try await context.database.write { transaction in
      let now = context.clock.now()
      let isNew = try Ledger.transfer(
        transaction, Money(minorUnits: count, currency: .points), from: .payback(serial), to: .promotion(.points),
        operation: "points:\(operation)", memo: "points exchanged", at: now)
      let paying = "points-worth:\(operation)"
      guard isNew else { return try Payback.exchanged(transaction, paying, currency, name) }
      guard try Ledger.balance(transaction, .payback(serial), .points).minorUnits >= 0 else {
        throw CenterError(.limitReached, name, remedy: "So many points are not granted.")
      }
      guard
        let worth = try transaction.first(
          "SELECT minor_units FROM point_worth WHERE currency = $1", [.text(currency.code)])
      else {
        throw CenterError(.conflict, name, remedy: "The counter has not said what a point is worth in \(currency).")
      }
      let amount = try Money(minorUnits: try worth.integer("minor_units"), currency: currency)
        .multiplied(by: Int(count))
      try Ledger.transfer(
        transaction, amount, from: .promotion(.points), to: .payback(serial), operation: paying,
        memo: "points exchanged", at: now)
      try AuditLog.append(
        transaction, at: now, "payback.exchange", subject: serial, detail: "\(count) points, \(amount)")
      return amount
    }
  }

  /// What an earlier exchange came to.
  private static func exchanged(
    _ transaction: any Transaction, _ operation: String, _ currency: Currency, _ name: String
  ) throws -> Money {
    let row = try transaction.first(
      """
      SELECT p.amount, a.currency FROM ledger_entries e JOIN postings p ON p.entry = e.id
      JOIN accounts a ON a.id = p.account WHERE e.operation = $1 AND p.amount > 0
      """, [.text(operation)])
    guard let amount = try row?.money("amount"), amount.currency == currency else {
      throw CenterError(.keyReused, name, remedy: "This operation was done before with another currency.")
    }
    return amount
  }
}
