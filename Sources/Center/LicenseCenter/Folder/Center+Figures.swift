import Cryptography

/// Figures that tell an operator whether somebody has to look after something.
public struct CenterFigures: Hashable, Sendable {
  /// Charges whose cards have not said what became of them, and for how many seconds the oldest has stood so.
  public var openCharges: Int, openChargeAge: UInt64
  /// Payments whose fate is not known, and for how many seconds the oldest has stood so.
  public var paymentsUnderWay: Int, paymentAge: UInt64
  /// Money on its way back.
  public var refundsUnderWay: Int
  /// Receivers who are told nothing more since they took nothing.
  public var webhooksSuspended: Int
  /// Messages that the receiver who is furthest behind has not taken yet.
  public var webhookMessagesWaiting: Int
  /// The audit log's newest record.
  public var auditSequence: Int64
  /// When the first of the centre's certificates ends, seconds since 1970 UTC.
  public var certificatesEndAt: UInt64
}

extension Center {
  /// The figures of this moment.
  public func figures() async throws(CenterError) -> CenterFigures {
    let ends = certificatesEndAt
    let context = context
    return try await context.database.read { transaction in
      let now = context.clock.now()
      let last = try AuditLog.head(transaction).sequence
      func count(_ sql: String) throws -> (Int, age: UInt64) {
        guard let row = try transaction.first(sql) else { return (0, 0) }
        let oldest: UInt64? = try row.optionalNumber("oldest")
        return (try row.number("count"), now - min(now, oldest ?? now))
      }
      let charges = try count("SELECT COUNT(*) AS count, MIN(opened_at) AS oldest FROM charges WHERE state = 'open'")
      let payments = try count(
        """
        SELECT COUNT(*) AS count, MIN(opened_at) AS oldest FROM payments
        WHERE state IN ('authorising', 'authorised', 'capturing', 'voiding')
        """)
      let refunds = try count(
        "SELECT COUNT(*) AS count, MIN(opened_at) AS oldest FROM payment_refunds WHERE state = 'refunding'")
      let suspended = try count(
        "SELECT COUNT(*) AS count, MIN(due_at) AS oldest FROM webhooks WHERE state = 'suspended'")
      let told: Int64? = try transaction.first("SELECT MIN(told) AS told FROM webhooks WHERE state = 'active'")?
        .optionalNumber("told")
      return CenterFigures(
        openCharges: charges.0, openChargeAge: charges.age, paymentsUnderWay: payments.0, paymentAge: payments.age,
        refundsUnderWay: refunds.0, webhooksSuspended: suspended.0,
        webhookMessagesWaiting: Int(clamping: last - (told ?? last)), auditSequence: last, certificatesEndAt: ends)
    }
  }

  /// How often each thing was done behind the record of the audit log with this number, and the newest record's number.
  public func changes(after sequence: Int64) async throws(CenterError) -> (actions: [String: Int], last: Int64) {
    try await audit.counts(after: sequence)
  }

  /// Reads the audit log.
  public var audit: AuditBooks { AuditBooks(context: context) }

  /// The clock that the centre goes by.
  public var clock: any CenterClock { context.clock }

  private var certificatesEndAt: UInt64 {
    [facts.authorityCertificate, facts.licenseCertificate, facts.catalogueCertificate]
      .compactMap { try? Certificate(der: $0).validity.upperBound }.min() ?? 0
  }
}
