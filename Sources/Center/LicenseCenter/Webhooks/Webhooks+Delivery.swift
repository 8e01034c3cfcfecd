import Cryptography
import Formats
import Octets
import SecureChannel

/// For whoever delivers. How far a receiver is told is not in the audit log: that would be something new to tell of.
extension Webhooks {
  /// Takes what is to be told now, for each receiver that waits; nobody else gets it before the lease is over, or
  /// ``settle(_:delivered:)`` says how it went.
  public func take() async throws(CenterError) -> [WebhookBatch] {
    let context = context
    let now = context.clock.now()
    // Mostly there is nothing, and then nothing is written.
    let isIdle = try await context.database.read { try Webhooks.due($0, at: now).isEmpty }
    guard !isIdle else { return [] }
    return try await context.database.write { transaction in
      try Webhooks.due(transaction, at: now).map { row in
        let webhook = try Webhook(row, context)
        let leaseEnd = now + Webhooks.leaseSeconds
        try transaction.run(
          "UPDATE webhooks SET due_at = $2 WHERE number = $1", [.integer(webhook.number), .number(leaseEnd)])
        let secret = try context.vault.open(
          try row.octets("secret"), .webhookSecret, row: bigEndian(UInt64(bitPattern: webhook.number)))
        return WebhookBatch(
          webhook: webhook.number, url: webhook.url,
          messages: try AuditLog.records(transaction, after: webhook.told, limit: Webhooks.batchLimit).map {
            try WebhookMessage($0, centerID: context.facts.centerID.description)
          }, leaseEnd: leaseEnd, secret: secret.withBytes { $0.octets })
      }
    }
  }

  /// Notes that the first `count` messages of a batch were taken, and that the next one was not where there is one: then
  /// the receiver is left alone for a while, each time for twice as long.
  public func settle(_ batch: WebhookBatch, delivered count: Int) async throws(CenterError) {
    let context = context
    let isWhole = count >= batch.messages.count
    try await context.database.write { transaction in
      // Whoever let the lease run out says nothing about what another has taken since.
      let row = try transaction.first(
        "SELECT * FROM webhooks WHERE number = $1 AND due_at = $2 AND state = 'active'",
        [.integer(batch.webhook), .number(batch.leaseEnd)])
      guard let row else { return }
      let now = context.clock.now()
      let told = try count > 0 ? batch.messages[min(count, batch.messages.count) - 1].sequence : row.integer("told")
      let failures = isWhole ? 0 : count > 0 ? 1 : try row.number("failures", as: Int.self) + 1
      try transaction.run(
        "UPDATE webhooks SET told = $2, failures = $3, due_at = $4 WHERE number = $1",
        [
          .integer(batch.webhook), .integer(told), .number(failures),
          .number(isWhole ? now : now + Webhooks.pause(after: failures, context.random)),
        ])
      guard failures >= Webhooks.failureLimit else { return }
      try transaction.run("UPDATE webhooks SET state = 'suspended' WHERE number = $1", [.integer(batch.webhook)])
      try AuditLog.append(transaction, at: now, "webhook.suspend", subject: batch.webhook)
    }
  }

  private static func due(_ transaction: any Transaction, at now: UInt64) throws -> [SQLRow] {
    try transaction.run(
      """
      SELECT * FROM webhooks WHERE state = 'active' AND due_at <= $1
      AND told < (SELECT COALESCE(MAX(sequence), 0) FROM audit_log) ORDER BY due_at LIMIT 64
      """, [.number(now)])
  }

  /// Five seconds, then twice as long each time, at most six hours; up to a quarter more, so that those whom one failure
  /// has hit do not come back all at once.
  static func pause(after failures: Int, _ random: any RandomSource) -> UInt64 {
    let pause = min(21_600, 5 << UInt64(min(max(failures, 1) - 1, 20)))
    let chance = random.octets(2).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return UInt64(pause) + UInt64(pause) * chance / (4 * 65_536)
  }
}

extension AuditLog {
  /// At most `limit` records behind the one with the number `sequence`, oldest first.
  static func records(_ transaction: any Transaction, after sequence: Int64, limit: Int) throws -> [AuditRecord] {
    try transaction.run(
      "SELECT * FROM audit_log WHERE sequence > $1 ORDER BY sequence LIMIT $2", [.integer(sequence), .number(limit)]
    ).map { row in
      AuditRecord(
        sequence: try row.integer("sequence"), time: try row.number("time"), action: try row.text("action"),
        subject: try row.text("subject"), detail: try row.text("detail"))
    }
  }
}
