extension Schema {
  /// Who may have access by challenge and answer (C1), and the tokens that they hold.
  @Sendable static func access(_ dialect: SQLDialect) -> [String] {
    let (integer, blob) = (dialect.integer, dialect.blob)
    return [
      // Machines, and cards that may do more than a holder or nothing any more. Sealed columns: name, policy.
      """
      CREATE TABLE access_clients (
      id \(blob) PRIMARY KEY,
      public_key \(blob),
      roles TEXT NOT NULL,
      name \(blob),
      policy \(blob) NOT NULL,
      registered_at \(integer) NOT NULL,
      revoked_at \(integer)
      )\(dialect.tableSuffix)
      """,
      // Messages that were answered, until they are long stale.
      """
      CREATE TABLE access_answers (
      session \(blob) PRIMARY KEY,
      stale_at \(integer) NOT NULL
      )\(dialect.tableSuffix)
      """,
      "CREATE INDEX access_answers_by_time ON access_answers (stale_at)",
      // A token's SHA-256 only.
      """
      CREATE TABLE access_tokens (
      digest \(blob) PRIMARY KEY,
      client \(blob) NOT NULL,
      role TEXT NOT NULL,
      software_id \(blob),
      session \(blob) NOT NULL UNIQUE,
      issued_at \(integer) NOT NULL,
      expires_at \(integer) NOT NULL
      )\(dialect.tableSuffix)
      """,
      "CREATE INDEX access_tokens_by_client ON access_tokens (client)",
      "CREATE INDEX access_tokens_by_time ON access_tokens (expires_at)",
    ]
  }
}
