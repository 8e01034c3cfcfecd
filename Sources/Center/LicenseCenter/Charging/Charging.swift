import CardProtocol
import Cryptography
import Formats
import Identifiers
import ISO7816
import Octets
import SecureChannel

/// Charges retrieval codes onto cards (P6): each reaches the card once and is billed once, over a line that may break at
/// any message.
///
/// A charge is opened in the database with its codes reserved, sent, and booked when the card's receipt proves that it
/// holds this very batch. While its fate is unknown it stays open, and nothing else is charged onto that card: the next
/// run asks the card, which either has the batch (then it is booked) or takes it now.
public struct Charging: Sendable {
  let context: CenterContext

  /// Carries an order out, or on, or answers what became of it.
  ///
  /// - Throws: ``CenterError``. With `cardUnreachable` the charge may be open; run the order again. Any other error has
  ///   billed nothing (S13 of the seeds).
  public func charge(_ order: ChargeOrder, over relay: any CardRelay) async throws(CenterError) -> ChargeOutcome {
    let operation = "Charging card \(order.cardSerial)"
    let givenUp = CenterError(.conflict, operation, remedy: "This order was given up; make a new one.")
    var books = try await books(before: order, operation)
    if let booked = try books.booked(orThrow: givenUp) { return booked }
    let session = try await ChargingSession(
      context: context, serial: order.cardSerial, issuerRoot: books.issuerRoot, relay: relay, operation: operation)
    if books.hasOpenCharge {
      let settled = try await session.settleOpenCharge()
      // The card took its time, in which others may have settled this very order or begun one under its name.
      books = try await self.books(before: order, operation)
      let isRefused = settled?.operationID == order.operationID
      if let booked = try books.booked(orThrow: isRefused ? session.lastRefusal : givenUp) { return booked }
      guard !books.hasOpenCharge else { throw Charging.overtaken(operation) }
    }
    let charge = try await open(
      order, books.orderDigest, try await session.status(), after: books.lastCharge, operation)
    return try await session.complete(charge)
  }

  /// What became of an order; `nil` for one that never began.
  public func outcome(of operationID: OperationID) async throws(CenterError) -> ChargeOutcome? {
    try await context.database.read { try ChargeRow.find($0, operation: operationID)?.outcome }
  }

  /// The charges of a card, oldest first.
  public func charges(of serial: CardSerial) async throws(CenterError) -> [ChargeOutcome] {
    try await context.database.read { transaction in
      try transaction.run("SELECT * FROM charges WHERE card = $1 ORDER BY id", [.blob(serial.octets)])
        .map { try ChargeRow($0).outcome }
    }
  }

  /// Gives up an open charge whose card will not come back, and pays its price back as far as the holder's credit
  /// covers the whole of it.
  ///
  /// The codes are voided in the same transaction, before any money moves: should the card hold them after all, they
  /// are worth nothing. What is paid, if only nothing, is decided then and never again. A charge that its card refused
  /// was never billed and pays nothing.
  public func refund(_ operationID: OperationID) async throws(CenterError) -> ChargeOutcome {
    let context = context
    let operation = "Refunding a charge"
    let outcome = try await context.database.write { transaction in
      guard var charge = try ChargeRow.find(transaction, operation: operationID) else {
        throw CenterError(.notFound, operation, remedy: "There is no charge of this name.")
      }
      switch charge.outcome.state {
      case .booked:
        throw CenterError(.conflict, operation, remedy: "The card holds these codes; they are not refunded.")
      case .voided: break
      case .open:
        try Charging.void(transaction, context, &charge, reason: "given up")
        // What was set aside on a means of payment is let go; only prepaid credit is there to be paid out.
        if try PaymentRecord.find(transaction, bill: charge.outcome.bill) == nil {
          try Charging.payBack(transaction, context, charge.outcome)
        }
      }
      return charge.outcome
    }
    await Payments(context: context).settle(bill: outcome.bill)
    return outcome
  }
}

extension Charging {
  /// Where the books stood before a card was asked, read at once.
  private struct Books {
    var orderDigest: [UInt8]
    /// What became of this very order before.
    var earlier: ChargeOutcome?
    var issuerRoot: UInt32
    var hasOpenCharge: Bool
    /// The card's newest charge, ``ChargeableCard/lastCharge``.
    var lastCharge: Int64

    /// What became of the order, if it was booked; `nil` while that is open, or when it never began.
    ///
    /// - Throws: `error` where it was voided.
    func booked(orThrow error: CenterError) throws(CenterError) -> ChargeOutcome? {
      switch earlier?.state {
      case .booked: return earlier
      case .voided: throw error
      case .open, nil: return nil
      }
    }
  }

  /// Reads the books; another order under the name of one that was begun is a reuse.
  private func books(before order: ChargeOrder, _ operation: String) async throws(CenterError) -> Books {
    let digest = Digest.sha256(order.encoded)
    return try await context.database.read { transaction in
      let earlier = try ChargeRow.find(transaction, operation: order.operationID)
      guard earlier.map({ $0.orderDigest == digest }) ?? true else { throw Charging.reused(operation) }
      let standing = try ChargeableCard(transaction, order.cardSerial)
      return Books(
        orderDigest: digest, earlier: earlier?.outcome, issuerRoot: try standing.card.issuerRoot,
        hasOpenCharge: standing.hasOpenCharge, lastCharge: standing.lastCharge)
    }
  }

  /// Reserves the codes and notes the charge as open; from here on only the card knows.
  ///
  /// - Throws: ``CenterError/Code/conflict`` when another charge of the card began since the books were read, before the
  ///   card was asked: its counter may have moved, and a number that another batch has would never be charged.
  ///   ``CenterError/Code/notCertified`` for a counter that was turned back (an old image of the card), or that counts
  ///   charges which this centre never sent.
  private func open(
    _ order: ChargeOrder, _ orderDigest: [UInt8], _ status: CardStatus, after lastCharge: Int64, _ operation: String
  ) async throws(CenterError) -> OpenedCharge {
    let context = context
    let room = Charging.room(order, status)
    let wished = try Charging.draft(order, orderDigest, status, room, context, operation)
    return try await context.database.write { transaction in
      let standing = try ChargeableCard(transaction, order.cardSerial)
      let card = standing.card
      let title = try TitleRow.get(transaction, order.softwareID).record
      guard try card.generationKeys.contains(order.conditions.generationKey) else {
        throw CenterError(.invalid, operation, remedy: "The card was not issued with that generation key.")
      }
      // No charge was open when `lastCharge` was read, and none opens again.
      guard standing.lastCharge == lastCharge else { throw Charging.overtaken(operation) }
      guard try ChargeRow.fits(transaction, counter: status.chargeCounter, card) else {
        let booked = try card.chargeNumber
        throw CenterError(
          .notCertified, operation,
          remedy: "The card counts \(status.chargeCounter) charges where \(booked) are booked; it may be an old copy.")
      }
      // What is open would have begun since: all that may still be sold is free.
      let quantity = try Charging.quantity(order, possible: min(room, card.remainingCodes(reserved: 0)), operation)
      let now = context.clock.now()
      let draft = try wished.limited(to: quantity)
      // Only an order for another card takes the name and leaves this card's last charge as it was.
      guard let charge = try draft.enter(transaction, title, at: now) else { throw Charging.reused(operation) }
      try CodeSales.enter(
        draft.codes, transaction, context, title: title, conditions: order.conditions, state: .reserved,
        owner: .charge(charge.identifier), card: card)
      let isPaid = try Payments.open(
        transaction, context,
        Bill(
          reference: charge.outcome.bill, holder: order.cardSerial, amount: try charge.outcome.amount))
      try AuditLog.append(
        transaction, at: now, "charge.open", subject: order.cardSerial,
        detail: "number \(draft.number), desired \(order.quantity), actual \(quantity)")
      return OpenedCharge(row: charge, batch: draft.batch, isPaid: isPaid)
    }
  }

  /// The charge as far as the card has room for it, its keys used before anybody waits for the books.
  private static func draft(
    _ order: ChargeOrder, _ orderDigest: [UInt8], _ status: CardStatus, _ room: Int, _ context: CenterContext,
    _ operation: String
  ) throws(CenterError) -> ChargeDraft {
    let codes = try NewCode.make(min(Int(order.quantity), room), context, operation)
    do {
      // A counter that cannot go on leaves no room.
      return try ChargeDraft(order, orderDigest, number: status.chargeCounter &+ 1, codes: codes)
    } catch {
      throw CenterError(error, during: operation)
    }
  }

  private static func overtaken(_ operation: String) -> CenterError {
    CenterError(.conflict, operation, remedy: "Another charge of this card came between; run it again.")
  }

  private static func reused(_ operation: String) -> CenterError {
    CenterError(.keyReused, operation, remedy: "This operation was begun before with another order.")
  }

  /// How many codes a card has room for, and can take in at once.
  private static func room(_ order: ChargeOrder, _ status: CardStatus) -> Int {
    guard status.chargeCounter < .max else { return 0 }
    let recordOctets = ChargeBatch.recordOctets + order.conditions.messageID.count
    // Tag and length of the object take up to 6 octets.
    let staged = max(0, status.stagingOctets - ChargeBatch.headerOctets - 6) / recordOctets
    return min(max(0, status.capacity - status.codesOnCard), staged)
  }

  /// How many codes are charged: the wish, as far as the card's limit (P16) and its room make it `possible`.
  private static func quantity(_ order: ChargeOrder, possible: Int, _ operation: String) throws -> Int {
    let desired = Int(order.quantity)
    guard possible >= (order.acceptsFewer ? 1 : desired) else {
      throw CenterError(
        .limitReached, operation,
        remedy: possible > 0
          ? "At most \(possible) more codes can be charged onto this card now; order no more, or accept fewer."
          : "No more codes can be charged onto this card: it is full, or at the limit that it was issued with.")
    }
    return min(desired, possible)
  }

  /// Books a charge that the card's receipt proved, once.
  static func book(
    _ transaction: any Transaction, _ context: CenterContext, _ charge: ChargeRow
  ) throws -> ChargeOutcome {
    let now = context.clock.now()
    guard let outcome = try charge.close(transaction, as: .booked, at: now)?.outcome else {
      guard let current = try ChargeRow.find(transaction, operation: charge.outcome.operationID) else {
        throw CenterError(.damaged, "Booking a charge", remedy: "The charge is gone; restore a backup.")
      }
      return current.outcome
    }
    let serial = outcome.cardSerial
    try CodeSales.settle(transaction, .charge(charge.identifier), state: .unused, forgettingCopies: true)
    try transaction.run(
      "UPDATE cards SET charge_number = $2, charged_codes = charged_codes + $3 WHERE serial = $1",
      [.blob(serial.octets), .number(outcome.number), .number(outcome.actual)])
    let title = try TitleRow.get(transaction, outcome.softwareID).record
    let amount = try outcome.amount
    try Ledger.transfer(
      transaction, amount, from: .holder(serial), to: .seller(title.seller),
      operation: outcome.bill, memo: "charge \(outcome.number)", at: now)
    try Payments.bill(transaction, context, outcome.bill, isDelivered: true)
    try Payback.judge(transaction, context, .charge(charge.identifier), card: serial, title)
    try AuditLog.append(
      transaction, at: now, "charge.book", subject: serial,
      detail: "number \(outcome.number), \(outcome.actual) codes, \(amount)")
    return outcome
  }

  /// Pays the price of a charge that was just given up back from the holder's credit, or notes that nothing is paid.
  private static func payBack(
    _ transaction: any Transaction, _ context: CenterContext, _ outcome: ChargeOutcome
  ) throws {
    let price = try outcome.amount
    let holder = LedgerAccount.holder(outcome.cardSerial)
    let credit = try Ledger.balance(transaction, holder, price.currency)
    let amount = credit.minorUnits >= price.minorUnits ? price : .zero(price.currency)
    let now = context.clock.now()
    try Ledger.transfer(
      transaction, amount, from: holder, to: .cash, operation: "refund:\(outcome.operationID)", memo: "refund", at: now)
    try AuditLog.append(transaction, at: now, "charge.refund", subject: outcome.cardSerial, detail: amount.description)
  }

  /// Gives an open charge up: its codes are worth nothing from now on.
  static func void(
    _ transaction: any Transaction, _ context: CenterContext, _ charge: inout ChargeRow, reason: String
  ) throws {
    let now = context.clock.now()
    guard let closed = try charge.close(transaction, as: .voided, at: now) else {
      throw CenterError(.conflict, "Giving a charge up", remedy: "It was settled meanwhile; look at it again.")
    }
    charge = closed
    try CodeSales.settle(transaction, .charge(charge.identifier), state: .voided, forgettingCopies: true)
    try Payments.release(transaction, context, charge.outcome.bill)
    try AuditLog.append(
      transaction, at: now, "charge.void", subject: charge.outcome.cardSerial,
      detail: "number \(charge.outcome.number), \(reason)")
  }
}
