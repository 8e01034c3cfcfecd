extension Schema {
  /// What was asked for in a notice, as a look-up value, so that its operation repeated with another text is seen; null for
  /// those made before, and those that the centre makes itself. An index for the statement of one account. And those of
  /// codes without the codes that they are not for: each code has either a charge or a sheet.
  @Sendable static func requests(_ dialect: SQLDialect) -> [String] {
    [
      "ALTER TABLE notices ADD COLUMN request \(dialect.blob)",
      "CREATE INDEX postings_by_account ON postings (account, entry)",
      "DROP INDEX codes_by_charge",
      "DROP INDEX codes_by_sheet",
      "CREATE INDEX codes_by_charge ON codes (charge, position) WHERE charge IS NOT NULL",
      "CREATE INDEX codes_by_sheet ON codes (sheet, position) WHERE sheet IS NOT NULL",
    ]
  }
}
