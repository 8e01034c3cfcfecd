extension Schema {
  /// Payments through a processor, and the books of the simulated one. Sealed column: `method`.
  ///
  /// The accounts are laid anew since neither engine shares a way to widen a CHECK; their numbers stay.
  @Sendable static func payments(_ dialect: SQLDialect) -> [String] {
    let (integer, blob, suffix) = (dialect.integer, dialect.blob, dialect.tableSuffix)
    return [
      """
      CREATE TABLE ledger_accounts (
      id \(integer) PRIMARY KEY,
      kind TEXT NOT NULL CHECK (kind IN ('cash', 'holder', 'seller', 'processor', 'payback', 'promotion')),
      owner TEXT NOT NULL,
      currency TEXT NOT NULL,
      balance \(integer) NOT NULL,
      UNIQUE (kind, owner, currency)
      )\(suffix)
      """,
      """
      INSERT INTO ledger_accounts (id, kind, owner, currency, balance)
      SELECT id, kind, owner, currency, balance FROM accounts
      """,
      """
      CREATE TABLE ledger_postings (
      entry \(integer) NOT NULL REFERENCES ledger_entries (id),
      line \(integer) NOT NULL,
      account \(integer) NOT NULL REFERENCES ledger_accounts (id),
      amount \(integer) NOT NULL,
      PRIMARY KEY (entry, line)
      )\(suffix)
      """,
      "INSERT INTO ledger_postings (entry, line, account, amount) SELECT entry, line, account, amount FROM postings",
      "DROP TABLE postings",
      "DROP TABLE accounts",
      "ALTER TABLE ledger_accounts RENAME TO accounts",
      "ALTER TABLE ledger_postings RENAME TO postings",
      """
      CREATE TABLE payment_methods (
      card \(blob) PRIMARY KEY REFERENCES cards (serial),
      processor TEXT NOT NULL,
      method \(blob) NOT NULL,
      filed_at \(integer) NOT NULL
      )\(suffix)
      """,
      """
      CREATE TABLE payments (
      payment \(blob) PRIMARY KEY,
      bill TEXT NOT NULL UNIQUE,
      card \(blob) NOT NULL REFERENCES cards (serial),
      processor TEXT NOT NULL,
      method \(blob),
      amount \(integer) NOT NULL CHECK (amount > 0),
      currency TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('authorising', 'authorised', 'declined', 'capturing', 'captured',
        'uncollected', 'voiding', 'voided')),
      refunded \(integer) NOT NULL DEFAULT 0,
      opened_at \(integer) NOT NULL,
      closed_at \(integer)
      )\(suffix)
      """,
      "CREATE INDEX payments_by_card ON payments (card, opened_at)",
      """
      CREATE INDEX payments_under_way ON payments (opened_at)
      WHERE state IN ('authorising', 'authorised', 'capturing', 'voiding')
      """,
      """
      CREATE TABLE payment_refunds (
      refund \(blob) PRIMARY KEY,
      payment \(blob) NOT NULL REFERENCES payments (payment),
      amount \(integer) NOT NULL CHECK (amount > 0),
      currency TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('refunding', 'refunded', 'declined')),
      opened_at \(integer) NOT NULL,
      closed_at \(integer)
      )\(suffix)
      """,
      "CREATE INDEX refunds_under_way ON payment_refunds (opened_at) WHERE state = 'refunding'",
      """
      CREATE TABLE simulated_payments (
      payment \(blob) PRIMARY KEY,
      method TEXT NOT NULL,
      amount \(integer),
      currency TEXT NOT NULL,
      state TEXT NOT NULL,
      decline TEXT NOT NULL,
      refunded \(integer) NOT NULL
      )\(suffix)
      """,
      """
      CREATE TABLE simulated_refunds (
      refund \(blob) PRIMARY KEY,
      payment \(blob) NOT NULL REFERENCES simulated_payments (payment),
      amount \(integer) NOT NULL,
      decline TEXT NOT NULL
      )\(suffix)
      """,
      """
      CREATE TABLE simulated_tries (
      operation \(blob) NOT NULL,
      request TEXT NOT NULL,
      tries \(integer) NOT NULL,
      PRIMARY KEY (operation, request)
      )\(suffix)
      """,
    ]
  }
}
