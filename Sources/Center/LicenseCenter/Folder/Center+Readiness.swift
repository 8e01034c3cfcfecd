extension Center {
  /// Throws unless the database answers, and its schema is the one that this program wants.
  public func expectDatabase() async throws(CenterError) {
    try await context.database.read { transaction in
      guard try transaction.first("SELECT version FROM schema_version") != nil else {
        throw CenterError(.damaged, "Asking the database", remedy: "It has no schema; restore it from a backup.")
      }
    }
  }
}
