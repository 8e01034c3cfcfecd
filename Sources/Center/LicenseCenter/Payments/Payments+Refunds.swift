import Formats
import Identifiers

/// Money on its way back to the means of payment that it came from.
extension Payments {
  /// Notes a refund, and takes it off the holder's account at once, so that it is not spent twice.
  ///
  /// - Throws: ``CenterError/Code/conflict`` for a payment that is not captured, or of which less is left.
  static func openRefund(
    _ transaction: any Transaction, _ context: CenterContext, _ refund: OperationID, _ amount: Money,
    of payment: PaymentRecord
  ) throws {
    let operation = "Refunding a payment"
    guard payment.state == .captured, amount.minorUnits > 0,
      try payment.refunded.adding(amount).minorUnits <= payment.amount.minorUnits
    else {
      throw CenterError(.conflict, operation, remedy: "So much of this payment is not there to be refunded.")
    }
    let now = context.clock.now()
    try transaction.run(
      """
      INSERT INTO payment_refunds (refund, payment, amount, currency, state, opened_at)
      VALUES ($1, $2, $3, $4, 'refunding', $5)
      """,
      [
        .blob(refund.octets), .blob(payment.payment.octets), .integer(amount.minorUnits),
        .text(amount.currency.code), .number(now),
      ])
    try transaction.run(
      "UPDATE payments SET refunded = refunded + $2 WHERE payment = $1",
      [.blob(payment.payment.octets), .integer(amount.minorUnits)])
    try Ledger.transfer(
      transaction, amount, from: .holder(payment.cardSerial), to: .processor(payment.processor),
      operation: "payment-refund:\(refund)", memo: "refund of a payment", at: now)
    try AuditLog.append(
      transaction, at: now, "payment.refund", subject: payment.cardSerial, detail: "\(payment.bill), \(amount)")
  }

  /// Asks the processor for a refund that is noted, and books its answer.
  ///
  /// - Returns: The state after that: the same one when no answer came, or the payment is with another processor, whose
  ///   word alone counts.
  func ask(_ refund: PaymentRefundRecord) async throws(CenterError) -> PaymentRefundRecord.State {
    guard refund.state == .refunding else { return refund.state }
    let processor = try processor(Payments.operation)
    guard try await payment(refund.payment).processor == processor.name else { return .refunding }
    let answer: PaymentAnswer
    do { answer = try await processor.refund(refund.refund, refund.amount, of: refund.payment) } catch {
      return .refunding
    }
    let context = context
    return try await context.database.write { try Payments.book($0, context, answer, to: refund) }
  }

  private static func book(
    _ transaction: any Transaction, _ context: CenterContext, _ answer: PaymentAnswer, to refund: PaymentRefundRecord
  ) throws -> PaymentRefundRecord.State {
    let next: PaymentRefundRecord.State = answer == .approved ? .refunded : .declined
    let now = context.clock.now()
    let moved = try transaction.run(
      """
      UPDATE payment_refunds SET state = $2, closed_at = $3 WHERE refund = $1 AND state = 'refunding' RETURNING refund
      """, [.blob(refund.refund.octets), .text(next.rawValue), .number(now)])
    guard !moved.isEmpty else { return try PaymentRefundRecord.find(transaction, refund.refund)?.state ?? next }
    let payment = try PaymentRecord.get(transaction, refund.payment)
    if next == .declined {
      try transaction.run(
        "UPDATE payments SET refunded = refunded - $2 WHERE payment = $1",
        [.blob(payment.payment.octets), .integer(refund.amount.minorUnits)])
      try Ledger.transfer(
        transaction, refund.amount, from: .processor(payment.processor), to: .holder(payment.cardSerial),
        operation: "payment-refund-declined:\(refund.refund)", memo: "refund declined", at: now)
    }
    try AuditLog.append(
      transaction, at: now, "payment.refund.\(next.rawValue)", subject: payment.cardSerial,
      detail: "\(payment.bill), \(refund.amount)")
    return next
  }
}
