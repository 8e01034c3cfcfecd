extension Schema {
  /// Pay-back and refunds (P7).
  @Sendable static func payback(_ dialect: SQLDialect) -> [String] {
    let (integer, blob, suffix) = (dialect.integer, dialect.blob, dialect.tableSuffix)
    return [
      """
      CREATE TABLE payback_rules (
      id \(integer) PRIMARY KEY,
      operation \(blob) NOT NULL UNIQUE,
      kind TEXT NOT NULL CHECK (kind IN ('referral', 'bulk', 'points')),
      reward_kind TEXT NOT NULL CHECK (reward_kind IN ('amount', 'share', 'points')),
      reward \(integer) NOT NULL CHECK (reward > 0),
      reward_currency TEXT NOT NULL,
      codes_in_sale \(integer) NOT NULL,
      codes_in_all \(integer) NOT NULL,
      codes_used \(integer) NOT NULL,
      amount \(integer),
      amount_currency TEXT NOT NULL,
      software_id \(blob) REFERENCES titles (software_id),
      start_at \(integer) NOT NULL,
      end_at \(integer),
      made_at \(integer) NOT NULL
      )\(suffix)
      """,
      """
      CREATE TABLE introductions (
      newcomer \(blob) PRIMARY KEY REFERENCES cards (serial),
      introducer \(blob) NOT NULL REFERENCES cards (serial),
      introduced_at \(integer) NOT NULL
      )\(suffix)
      """,
      // One grant for each rule and occasion, whatever becomes of it: that is why none is paid twice.
      """
      CREATE TABLE payback_grants (
      id \(integer) PRIMARY KEY,
      rule \(integer) NOT NULL REFERENCES payback_rules (id),
      occasion TEXT NOT NULL,
      sale TEXT NOT NULL,
      buyer \(blob) NOT NULL REFERENCES cards (serial),
      card \(blob) NOT NULL REFERENCES cards (serial),
      amount \(integer) NOT NULL CHECK (amount >= 0),
      currency TEXT NOT NULL,
      revision \(integer) NOT NULL,
      granted_at \(integer) NOT NULL,
      UNIQUE (rule, occasion)
      )\(suffix)
      """,
      "CREATE INDEX grants_by_card ON payback_grants (card, id)",
      "CREATE INDEX grants_by_buyer ON payback_grants (buyer)",
      "CREATE TABLE point_worth (currency TEXT PRIMARY KEY, minor_units \(integer) NOT NULL)\(suffix)",
      """
      CREATE TABLE refunds (
      operation \(blob) PRIMARY KEY,
      card \(blob) NOT NULL REFERENCES cards (serial),
      source TEXT NOT NULL,
      destination TEXT NOT NULL CHECK (destination IN ('account', 'cash', 'payment')),
      codes \(integer) NOT NULL,
      price \(integer) NOT NULL,
      recovered \(integer) NOT NULL,
      paid \(integer) NOT NULL,
      currency TEXT NOT NULL,
      refunded_at \(integer) NOT NULL
      )\(suffix)
      """,
      "CREATE INDEX refunds_by_card ON refunds (card, refunded_at)",
      "CREATE INDEX charges_by_card ON charges (card, id)",
      "CREATE INDEX sheets_by_card ON seal_sheets (card, id)",
    ]
  }
}
