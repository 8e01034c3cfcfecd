extension Schema {
  /// What was asked for in a notice, as a look-up value, so that its operation repeated with another text is seen; null for
  /// those made before, and those that the centre makes itself. And an index for the statement of one account.
  @Sendable static func requests(_ dialect: SQLDialect) -> [String] {
    [
      "ALTER TABLE notices ADD COLUMN request \(dialect.blob)",
      "CREATE INDEX postings_by_account ON postings (account, entry)",
    ]
  }
}
