import Identifiers

extension Titles {
  /// At most `limit` titles by software id, those that follow `last` if it is given.
  public func titles(after last: SoftwareID?, limit: Int) async throws(CenterError) -> [TitleRecord] {
    try await context.database.read { transaction in
      try transaction.run(
        "SELECT * FROM titles WHERE software_id > $1 ORDER BY software_id LIMIT $2",
        [.blob(last?.octets ?? []), .number(limit)]
      ).map { try TitleRow($0).record }
    }
  }
}
