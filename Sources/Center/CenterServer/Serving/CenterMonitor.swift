import LicenseCenter

/// Reads the centre's own figures when somebody asks for them.
///
/// What was done is counted by the audit log: whatever changes the centre is a record there, and nothing else is. The
/// counters begin at 0 with the first time that they are asked for, and count what every server of the centre does.
actor CenterMonitor {
  private let center: Center
  private var last: Int64?
  private var changes = Dictionary(uniqueKeysWithValues: CenterMonitor.actions.map { ($0, 0) })

  init(_ center: Center) { self.center = center }

  /// What an operator is to hear of even before it first happens.
  private static let actions = [
    "access.deny", "access.grant", "charge.book", "charge.open", "charge.void", "codes.refund", "payment.captured",
    "payment.declined", "payment.uncollected", "payment.voided", "redeem.begin", "redeem.finish", "sheet.sell",
    "webhook.suspend",
  ]

  /// The figures of this moment; `nil` when the database does not answer.
  func figures() async -> (center: CenterFigures, changes: [String: Int])? {
    guard let figures = try? await center.figures(), (try? await count()) != nil else { return nil }
    return (figures, changes)
  }

  private func count() async throws {
    guard let before = last else {
      last = try await center.audit.head().sequence
      return
    }
    let (actions, now) = try await center.changes(after: before)
    // Somebody else who asked meanwhile has counted them.
    guard last == before else { return }
    last = now
    for (action, count) in actions { changes[action, default: 0] += count }
  }
}

extension CenterFigures {
  /// The gauges that an operator watches.
  func gauges(at now: UInt64) -> [ServerMetrics.Gauge] {
    [
      .init("warifu_open_charges", "Charges whose cards have not said what became of them.", openCharges),
      .init("warifu_open_charge_age_seconds", "How long the oldest of them has stood so.", Int(clamping: openChargeAge)),
      .init("warifu_payments_under_way", "Payments whose fate is not known.", paymentsUnderWay),
      .init("warifu_payment_age_seconds", "How long the oldest of them has stood so.", Int(clamping: paymentAge)),
      .init("warifu_refunds_under_way", "Refunds to means of payment whose fate is not known.", refundsUnderWay),
      .init("warifu_webhooks_suspended", "Receivers who are told nothing more since they took nothing.", webhooksSuspended),
      .init(
        "warifu_webhook_messages_waiting", "Messages that the receiver furthest behind has not taken.",
        webhookMessagesWaiting),
      .init("warifu_audit_records", "Records in the audit log.", Int(clamping: auditSequence)),
      .init(
        "warifu_certificates_end_seconds", "Seconds until the first of the centre's certificates ends.",
        Int(clamping: certificatesEndAt) - Int(clamping: now)),
    ]
  }
}
