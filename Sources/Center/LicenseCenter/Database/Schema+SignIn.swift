extension Schema {
  /// Codes by which people at a browser sign in, under look-up values; each for its time, and used once.
  static func signIn(_ dialect: SQLDialect) -> [String] {
    let (integer, blob) = (dialect.integer, dialect.blob)
    return [
      // `operation` is the digest of the name under which it was used.
      """
      CREATE TABLE sign_in_codes (
      name \(blob) PRIMARY KEY,
      client \(blob) NOT NULL,
      role TEXT NOT NULL,
      operation \(blob),
      made_at \(integer) NOT NULL,
      expires_at \(integer) NOT NULL
      )\(dialect.tableSuffix)
      """,
      "CREATE INDEX sign_in_codes_by_time ON sign_in_codes (expires_at)",
    ]
  }
}
