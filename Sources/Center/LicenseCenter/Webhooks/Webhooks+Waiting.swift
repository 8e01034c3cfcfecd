/// What a receiver has not taken yet.
public struct WebhookQueue: Hashable, Sendable {
  /// One message that waits.
  public struct Message: Hashable, Sendable {
    /// The audit log's record that it tells of.
    public var sequence: Int64
    /// What was done.
    public var action: String
    /// When, seconds since 1970 UTC.
    public var time: UInt64
  }

  /// Whose it is, and how often in a row the first message was not taken.
  public var webhook: Webhook
  /// Before when the first message is not sent, seconds since 1970 UTC.
  public var dueAt: UInt64
  /// The messages, the next one first.
  public var messages: [Message]
}

extension Webhooks {
  /// What a receiver has not taken yet: at most `limit` messages, those behind the record `sequence` if it is given.
  ///
  /// - Throws: ``CenterError/Code/notFound``.
  public func queue(
    of number: Int64, after sequence: Int64? = nil, limit: Int
  ) async throws(CenterError) -> WebhookQueue {
    let context = context
    return try await context.database.read { transaction in
      guard let row = try transaction.first("SELECT * FROM webhooks WHERE number = $1", [.integer(number)]) else {
        throw CenterError(.notFound, "Looking up a webhook", remedy: "Check the webhook's number.")
      }
      let webhook = try Webhook(row, context)
      let records =
        webhook.state == .ended
        ? [] : try AuditLog.records(transaction, after: max(webhook.told, sequence ?? 0), limit: limit)
      return WebhookQueue(
        webhook: webhook, dueAt: try row.number("due_at"),
        messages: records.map { .init(sequence: $0.sequence, action: $0.action, time: $0.time) })
    }
  }

  /// At most `limit` webhooks, oldest first, those with numbers beyond `number`.
  public func webhooks(after number: Int64, limit: Int) async throws(CenterError) -> [Webhook] {
    let context = context
    return try await context.database.read { transaction in
      try transaction.run(
        "SELECT * FROM webhooks WHERE number > $1 ORDER BY number LIMIT $2", [.integer(number), .number(limit)]
      ).map { try Webhook($0, context) }
    }
  }
}
