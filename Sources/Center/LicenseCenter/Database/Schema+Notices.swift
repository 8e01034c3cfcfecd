extension Schema {
  /// Notices to holders (P18): sealed for their cards, so that not even the centre's own keys in use open the column.
  @Sendable static func notices(_ dialect: SQLDialect) -> [String] {
    let (integer, blob) = (dialect.integer, dialect.blob)
    return [
      """
      CREATE TABLE notices (
      number \(integer) PRIMARY KEY,
      operation TEXT UNIQUE,
      card \(blob) NOT NULL REFERENCES cards (serial),
      record \(blob) NOT NULL,
      acknowledgement \(blob) NOT NULL,
      made_at \(integer) NOT NULL,
      delivered_at \(integer),
      read_at \(integer)
      )\(dialect.tableSuffix)
      """,
      "CREATE INDEX notices_by_card ON notices (card, number)",
    ]
  }
}
