extension Schema {
  /// Digest of a pay-back rule as it was asked for, whenever it ends now, so that its operation repeated with another rule
  /// is seen; null for those made before.
  @Sendable static func ruleRequests(_ dialect: SQLDialect) -> [String] {
    ["ALTER TABLE payback_rules ADD COLUMN request \(dialect.blob)"]
  }
}
