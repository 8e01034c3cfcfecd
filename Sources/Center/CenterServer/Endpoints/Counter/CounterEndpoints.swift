import LicenseCenter

/// What the counter, holders, machines and auditors do beside licences, redemption and charging.
enum CounterEndpoints {
  static func all(_ center: Center) -> [Endpoint] {
    CardEndpoints.all(center) + CodeEndpoints.all(center) + StatementEndpoints.all(center)
      + PaybackEndpoints.all(center) + RefundEndpoints.all(center) + PaymentEndpoints.all(center)
      + NoticeEndpoints.all(center) + LedgerEndpoints.all(center) + AuditEndpoints.all(center)
      + WebhookEndpoints.all(center) + ClientEndpoints.all(center)
  }
}
