import Cryptography
import Formats
import Identifiers
import Octets

/// What is to be paid: the ledger's operation that bills it, by whom, and how much.
struct Bill: Hashable, Sendable {
  var reference: String
  var holder: CardSerial
  var amount: Money
}

/// The steps of a payment, as the offices that sell take them.
extension Payments {
  /// Notes that a bill will be paid from the means of payment on file, once; does nothing where there is none.
  ///
  /// - Returns: Whether there is a payment to go on with.
  @discardableResult
  static func open(_ transaction: any Transaction, _ context: CenterContext, _ bill: Bill) throws -> Bool {
    guard let processor = context.processor, bill.amount.minorUnits > 0,
      let filed = try transaction.first(
        "SELECT method FROM payment_methods WHERE card = $1 AND processor = $2",
        [.blob(bill.holder.octets), .text(processor.name)]),
      let payment = OperationID(octets: context.random.octets(OperationID.octetCount))
    else { return false }
    let method = try context.vault.open(try filed.octets("method"), .paymentMethod, row: bill.holder.octets)
    let now = context.clock.now()
    let opened = try transaction.run(
      """
      INSERT INTO payments (payment, bill, card, processor, method, amount, currency, state, opened_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, 'authorising', $8) ON CONFLICT (bill) DO NOTHING RETURNING payment
      """,
      [
        .blob(payment.octets), .text(bill.reference), .blob(bill.holder.octets), .text(processor.name),
        .blob(try context.vault.seal(method, .payingMethod, row: payment.octets)), .integer(bill.amount.minorUnits),
        .text(bill.amount.currency.code), .number(now),
      ])
    if !opened.isEmpty {
      try AuditLog.append(
        transaction, at: now, "payment.open", subject: bill.holder, detail: "\(bill.reference), \(bill.amount)")
    }
    return true
  }

  /// ``open(_:_:_:)`` in a transaction of its own, then ``authorise(bill:)``.
  func authorise(_ bill: Bill) async throws(CenterError) {
    guard context.processor != nil else { return }
    let context = context
    guard try await context.database.write({ try Payments.open($0, context, bill) }) else { return }
    try await authorise(bill: bill.reference)
  }

  /// Has the amount of a bill set aside, unless that is done or the bill stays on the account.
  ///
  /// - Throws: ``CenterError/Code/paymentDeclined`` when it will never be, ``CenterError/Code/paymentUnknown`` when the
  ///   processor did not say.
  func authorise(bill: String) async throws(CenterError) {
    guard let payment = try await payment(of: bill) else { return }
    let state = payment.state == .authorising ? try await ask(payment) : payment.state
    switch state {
    case .authorised, .capturing, .captured, .uncollected: return
    case .declined:
      throw CenterError(
        .paymentDeclined, Payments.operation, remedy: "Nothing was sold; file another means of payment and order anew.")
    case .voiding, .voided: throw Payments.givenUp
    case .authorising:
      throw CenterError(
        .paymentUnknown, Payments.operation, remedy: "The payment processor did not answer; run the same order again.")
    }
  }

  /// Marks a bill's payment to be taken, in the transaction that books the sale. A bill without an amount set aside
  /// stays on the holder's account.
  ///
  /// - Parameter isDelivered: whether the holder has the goods already, so that the sale stands in any case.
  /// - Throws: ``CenterError/Code/conflict`` when the payment was given up since the amount was set aside.
  static func bill(
    _ transaction: any Transaction, _ context: CenterContext, _ bill: String, isDelivered: Bool = false
  ) throws {
    if !isDelivered, let payment = try PaymentRecord.find(transaction, bill: bill),
      payment.state == .voiding || payment.state == .voided
    {
      throw givenUp
    }
    try move(transaction, context, bill, from: [.authorised], to: .capturing)
  }

  /// Marks a bill's payment to be let go, since nothing is sold.
  static func release(_ transaction: any Transaction, _ context: CenterContext, _ bill: String) throws {
    try move(transaction, context, bill, from: [.authorising, .authorised], to: .voiding)
  }

  /// ``release(_:_:_:)`` in a transaction of its own, and asks the processor at once.
  func release(bill: String) async throws(CenterError) {
    guard context.processor != nil else { return }
    let context = context
    try await context.database.write { try Payments.release($0, context, bill) }
    await settle(bill: bill)
  }

  /// Carries on the payment of a bill that is settled one way or the other. What the processor does not answer now is
  /// for ``reconcile(abandonedAfter:)``: the sale itself stands.
  func settle(bill: String) async {
    guard context.processor != nil, let payment = try? await payment(of: bill),
      payment.state == .capturing || payment.state == .voiding
    else { return }
    _ = try? await ask(payment)
  }

  private static var givenUp: CenterError {
    CenterError(.conflict, operation, remedy: "This order was given up; make a new one.")
  }

  private static func move(
    _ transaction: any Transaction, _ context: CenterContext, _ bill: String, from: [PaymentRecord.State],
    to state: PaymentRecord.State
  ) throws {
    guard let payment = try PaymentRecord.find(transaction, bill: bill), from.contains(payment.state) else { return }
    try transaction.run(
      "UPDATE payments SET state = $2, method = NULL WHERE payment = $1",
      [.blob(payment.payment.octets), .text(state.rawValue)])
    try AuditLog.append(
      transaction, at: context.clock.now(), "payment.\(state.rawValue)", subject: payment.cardSerial, detail: bill)
  }
}

/// The conversation with the processor.
extension Payments {
  /// Asks the processor what the payment's state asks for, and books its answer.
  ///
  /// - Returns: The state after that: the same one when no answer came.
  func ask(_ payment: PaymentRecord) async throws(CenterError) -> PaymentRecord.State {
    let processor = try processor(Payments.operation)
    guard processor.name == payment.processor else {
      throw CenterError(
        .conflict, Payments.operation, remedy: "The payment is with \(payment.processor); open the centre with that.")
    }
    let answer: PaymentAnswer
    do {
      switch payment.state {
      case .authorising:
        guard let method = try await method(of: payment) else { return try await state(of: payment) }
        answer = try await processor.authorise(payment.payment, payment.amount, from: method)
      case .capturing: answer = try await processor.capture(payment.payment)
      case .voiding: answer = try await processor.void(payment.payment)
      case .authorised, .declined, .captured, .uncollected, .voided: return payment.state
      }
    } catch let error as CenterError {
      throw error
    } catch {
      return payment.state
    }
    let context = context
    return try await context.database.write { try Payments.book($0, context, answer, to: payment) }
  }

  /// Books the processor's answer to what `asked` stood at; a payment that somebody else carried on meanwhile is left.
  private static func book(
    _ transaction: any Transaction, _ context: CenterContext, _ answer: PaymentAnswer, to asked: PaymentRecord
  ) throws -> PaymentRecord.State {
    let next: PaymentRecord.State =
      switch (asked.state, answer) {
      case (.authorising, .approved): .authorised
      case (.authorising, .declined): .declined
      case (.capturing, .approved): .captured
      case (.capturing, .declined): .uncollected
      // A void is refused for what can be neither taken nor let go any more.
      default: .voided
      }
    let isLast = next != .authorised
    let now = context.clock.now()
    let moved = try transaction.run(
      """
      UPDATE payments SET state = $3, closed_at = $4, method = NULL WHERE payment = $1 AND state = $2 RETURNING payment
      """,
      [
        .blob(asked.payment.octets), .text(asked.state.rawValue), .text(next.rawValue),
        .number(isLast ? now : nil),
      ])
    guard !moved.isEmpty else { return try PaymentRecord.get(transaction, asked.payment).state }
    if next == .captured {
      try Ledger.transfer(
        transaction, asked.amount, from: .processor(asked.processor), to: .holder(asked.cardSerial),
        operation: "payment:\(asked.payment)", memo: "payment", at: now)
    }
    if next == .uncollected {
      try Notices.post(
        transaction, context,
        try Notice(.billOwed, amount: asked.amount, text: "Your means of payment was refused; owed: \(asked.amount)."),
        to: asked.cardSerial)
    }
    let reason = if case .declined(let decline) = answer { ", \(decline.rawValue)" } else { "" }
    try AuditLog.append(
      transaction, at: now, "payment.\(next.rawValue)", subject: asked.cardSerial,
      detail: "\(asked.bill), \(asked.amount)\(reason)")
    return next
  }

  /// The means of payment of one that is not authorised yet; `nil` when it meanwhile was.
  private func method(of payment: PaymentRecord) async throws(CenterError) -> PaymentMethod? {
    let row = try await context.database.read { transaction in
      try transaction.first("SELECT method FROM payments WHERE payment = $1", [.blob(payment.payment.octets)])?
        .optionalOctets("method")
    }
    guard let sealed = row else { return nil }
    do {
      let token = try context.vault.open(sealed, .payingMethod, row: payment.payment.octets)
      return PaymentMethod(token: token.withBytes { String(decoding: $0.octets, as: UTF8.self) })
    } catch {
      throw CenterError(error, during: Payments.operation)
    }
  }

  private func state(of payment: PaymentRecord) async throws(CenterError) -> PaymentRecord.State {
    try await context.database.read { try PaymentRecord.get($0, payment.payment).state }
  }
}
