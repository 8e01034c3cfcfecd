extension Schema {
  /// Which keys of the centre a card lives with, now that keys have several versions: the edition of the centre's public
  /// keys that its issue put on it, and the versions (4 octets each) of its generation keys, in the order of their
  /// numbers. Null stands for the first of each, which is all there was before.
  @Sendable static func cardRoots(_ dialect: SQLDialect) -> [String] {
    [
      "ALTER TABLE cards ADD COLUMN key_edition \(dialect.integer)",
      "ALTER TABLE cards ADD COLUMN generation_roots \(dialect.blob)",
    ]
  }
}
