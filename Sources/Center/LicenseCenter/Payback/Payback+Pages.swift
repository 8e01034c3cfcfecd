import Identifiers

/// What a rule granted, with its number.
public struct NumberedGrant: Hashable, Sendable {
  /// Its number, by which the next page begins.
  public var number: Int64
  /// The grant.
  public var grant: PaybackGrant
}

extension Payback {
  /// At most `limit` rules, oldest first, those with numbers beyond `number`, ended ones too.
  public func rules(after number: UInt64, limit: Int) async throws(CenterError) -> [PaybackRuleRecord] {
    try await context.database.read { transaction in
      try transaction.run(
        "SELECT * FROM payback_rules WHERE id > $1 ORDER BY id LIMIT $2", [.number(number), .number(limit)]
      ).map(PaybackRuleRecord.init)
    }
  }

  /// At most `limit` grants to a holder, oldest first, those with numbers beyond `number`.
  public func grants(
    to serial: CardSerial, after number: Int64, limit: Int
  ) async throws(CenterError) -> [NumberedGrant] {
    try await context.database.read { transaction in
      try transaction.run(
        """
        SELECT g.*, r.kind FROM payback_grants g JOIN payback_rules r ON r.id = g.rule
        WHERE g.card = $1 AND g.id > $2 ORDER BY g.id LIMIT $3
        """, [.blob(serial.octets), .integer(number), .number(limit)]
      ).map { NumberedGrant(number: try $0.integer("id"), grant: try PaybackGrant($0)) }
    }
  }
}
