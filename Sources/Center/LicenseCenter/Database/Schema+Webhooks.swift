/// Who is told of every change, and how far.
extension Schema {
  @Sendable static func webhooks(_ dialect: SQLDialect) -> [String] {
    let (integer, blob) = (dialect.integer, dialect.blob)
    return [
      // Sealed columns: url, secret. A row is its own queue: every record of the audit log behind `told` waits.
      """
      CREATE TABLE webhooks (
      number \(integer) PRIMARY KEY,
      operation \(blob) NOT NULL UNIQUE,
      order_digest \(blob) NOT NULL,
      url \(blob) NOT NULL,
      secret \(blob) NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('active', 'suspended', 'ended')),
      told \(integer) NOT NULL,
      failures \(integer) NOT NULL,
      due_at \(integer) NOT NULL,
      made_at \(integer) NOT NULL
      )\(dialect.tableSuffix)
      """,
      "CREATE INDEX webhooks_due ON webhooks (due_at) WHERE state = 'active'",
    ]
  }
}
