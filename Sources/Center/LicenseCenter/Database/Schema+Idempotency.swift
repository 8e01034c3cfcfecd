extension Schema {
  /// What changing requests were answered with, under look-up values of client and key. Sealed column: body.
  @Sendable static func idempotency(_ dialect: SQLDialect) -> [String] {
    let (integer, blob) = (dialect.integer, dialect.blob)
    return [
      """
      CREATE TABLE idempotent_answers (
      name \(blob) PRIMARY KEY,
      digest \(blob) NOT NULL,
      status \(integer) NOT NULL,
      body \(blob) NOT NULL,
      kept_until \(integer) NOT NULL
      )\(dialect.tableSuffix)
      """,
      "CREATE INDEX idempotent_answers_by_end ON idempotent_answers (kept_until)",
    ]
  }
}
