import Formats

/// An account as the books have it.
public struct LedgerAccountRecord: Hashable, Sendable {
  /// Its number, by which the next page begins.
  public var number: Int64
  /// What it is: one of ``LedgerAccount``.
  public var kind: String
  /// Whose it is: a card's serial, a seller's or a processor's name, a kind of pay-back; empty for the till.
  public var owner: String
  /// What is on it.
  public var balance: Money
}

/// One entry of the ledger: what moved at once, and adds up to nothing in each currency.
public struct LedgerEntryRecord: Hashable, Sendable {
  /// What one account gained; negative for what it gave.
  public struct Posting: Hashable, Sendable {
    /// The account's number.
    public var account: Int64
    /// How much.
    public var amount: Money
  }

  /// Its number, by which the next page begins.
  public var number: Int64
  /// The operation that moved it; each moves money once.
  public var operation: String
  /// What for, for people.
  public var memo: String
  /// When, seconds since 1970 UTC.
  public var time: UInt64
  /// Which accounts, in the order of the entry.
  public var postings: [Posting]
}

/// The books, page by page.
extension Ledger {
  /// At most `limit` accounts in the order of their opening, those with numbers beyond `number`.
  public func accounts(after number: Int64 = 0, limit: Int) async throws(CenterError) -> [LedgerAccountRecord] {
    try await context.database.read { transaction in
      try transaction.run(
        "SELECT id, kind, owner, currency, balance FROM accounts WHERE id > $1 ORDER BY id LIMIT $2",
        [.integer(number), .number(limit)]
      ).map { row in
        LedgerAccountRecord(
          number: try row.integer("id"), kind: try row.text("kind"), owner: try row.text("owner"),
          balance: try row.money("balance"))
      }
    }
  }

  /// At most `limit` entries, oldest first, those with numbers beyond `number`; of one account only, if it is named.
  ///
  /// - Throws: ``CenterError/Code/notFound`` for an account that there is none of.
  public func entries(
    of account: Int64? = nil, after number: Int64 = 0, limit: Int
  ) async throws(CenterError) -> [LedgerEntryRecord] {
    try await context.database.read { transaction in
      let values: [SQLValue] = [.integer(number), .number(limit)]
      let page: [SQLRow]
      if let account {
        guard try transaction.first("SELECT 1 FROM accounts WHERE id = $1", [.integer(account)]) != nil else {
          throw CenterError(.notFound, "Reading the ledger", remedy: "There is no account \(account).")
        }
        page = try transaction.run(
          """
          SELECT * FROM ledger_entries e WHERE e.id > $1
          AND EXISTS (SELECT 1 FROM postings p WHERE p.entry = e.id AND p.account = $3) ORDER BY e.id LIMIT $2
          """, values + [.integer(account)])
      } else {
        page = try transaction.run("SELECT * FROM ledger_entries WHERE id > $1 ORDER BY id LIMIT $2", values)
      }
      return try page.map { row in
        let number = try row.integer("id")
        return LedgerEntryRecord(
          number: number, operation: try row.text("operation"), memo: try row.text("memo"),
          time: try row.number("time"), postings: try Ledger.postings(transaction, of: number))
      }
    }
  }

  private static func postings(
    _ transaction: any Transaction, of entry: Int64
  ) throws -> [LedgerEntryRecord.Posting] {
    try transaction.run(
      """
      SELECT p.account, p.amount, a.currency FROM postings p JOIN accounts a ON a.id = p.account
      WHERE p.entry = $1 ORDER BY p.line
      """, [.integer(entry)]
    ).map { LedgerEntryRecord.Posting(account: try $0.integer("account"), amount: try $0.money("amount")) }
  }
}
