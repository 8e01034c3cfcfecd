import Formats
import Identifiers

/// What a reconciliation did.
public struct Reconciliation: Hashable, Sendable {
  /// Payments and refunds whose fate is known now.
  public var settled = 0
  /// Those that the processor still said nothing about.
  public var unknown = 0
}

/// A payment that the centre and its processor have differently.
public struct PaymentDisagreement: Hashable, Sendable {
  /// The centre's record.
  public var record: PaymentRecord
  /// The processor's; `nil` when it never heard of the payment.
  public var standing: PaymentStanding?
}

extension Payments {
  /// How long a sale may take between the amount being set aside and being booked, in seconds.
  public static let patience: UInt64 = 900

  /// Asks the processor again about everything whose outcome is unknown, and lets go what was set aside for sales that
  /// never came to be. Payments with another processor wait for that one. May be run at any time, by several at once, and repeated after a crash.
  ///
  /// - Parameter abandonedAfter: Seconds after which a payment without a sale is given up. A charge is never given up
  ///   so: its card decides.
  public func reconcile(
    abandonedAfter seconds: UInt64 = Payments.patience
  ) async throws(CenterError) -> Reconciliation {
    let name = try processor("Reconciling payments").name
    try await releaseAbandoned(after: seconds)
    let (payments, refunds) = try await context.database.read { transaction in
      let payments = try transaction.run(
        """
        SELECT * FROM payments WHERE processor = $1 AND state IN ('authorising', 'capturing', 'voiding')
        ORDER BY opened_at, payment
        """, [.text(name)])
      let refunds = try transaction.run(
        """
        SELECT r.* FROM payment_refunds r JOIN payments p ON p.payment = r.payment
        WHERE p.processor = $1 AND r.state = 'refunding' ORDER BY r.opened_at, r.refund
        """, [.text(name)])
      return (try payments.map(PaymentRecord.init), try refunds.map(PaymentRefundRecord.init))
    }
    var result = Reconciliation()
    for payment in payments {
      if try await ask(payment).isUnderWay { result.unknown += 1 } else { result.settled += 1 }
    }
    for refund in refunds {
      if try await ask(refund) == .refunding { result.unknown += 1 } else { result.settled += 1 }
    }
    return result
  }

  /// Compares every payment that is settled with what the processor has; nothing is changed.
  ///
  /// - Throws: ``CenterError/Code/paymentUnknown`` when the processor does not answer.
  public func disagreements() async throws(CenterError) -> [PaymentDisagreement] {
    let operation = "Comparing payments"
    let processor = try processor(operation)
    var found: [PaymentDisagreement] = []
    var last: [UInt8] = []
    while true {
      let after = last
      let page = try await context.database.read { transaction in
        try transaction.run(
          """
          SELECT * FROM payments WHERE payment > $1 AND processor = $2
          AND state IN ('authorised', 'declined', 'captured', 'uncollected', 'voided') ORDER BY payment LIMIT 100
          """, [.blob(after), .text(processor.name)]
        ).map(PaymentRecord.init)
      }
      guard let end = page.last else { return found }
      for record in page {
        let standing: PaymentStanding?
        do { standing = try await processor.standing(of: record.payment) } catch {
          throw CenterError(.paymentUnknown, operation, remedy: "The payment processor did not answer; try again.")
        }
        if !record.agrees(with: standing) { found.append(PaymentDisagreement(record: record, standing: standing)) }
      }
      last = end.payment.octets
    }
  }

  private func releaseAbandoned(after seconds: UInt64) async throws(CenterError) {
    let context = context
    let (now, overflow) = context.clock.now().subtractingReportingOverflow(seconds)
    guard !overflow else { return }
    try await context.database.write { transaction in
      let abandoned = try transaction.run(
        """
        SELECT bill FROM payments
        WHERE state IN ('authorising', 'authorised') AND opened_at < $1 AND bill NOT LIKE 'charge:%'
        """, [.number(now)])
      for row in abandoned { try Payments.release(transaction, context, try row.text("bill")) }
    }
  }
}

extension PaymentRecord {
  /// Whether the processor has this settled payment as the centre has it. A refund under way may be on either side.
  fileprivate func agrees(with standing: PaymentStanding?) -> Bool {
    guard let standing else { return false }
    switch state {
    case .authorised: return standing.state == .authorised && standing.amount == amount
    case .captured:
      return standing.state == .captured && standing.amount == amount && standing.refunded <= refunded.minorUnits
    case .declined, .uncollected: return standing.state == .declined
    case .voided: return standing.state == .voided || standing.state == .declined
    case .authorising, .capturing, .voiding: return true
    }
  }
}
