import Formats
import Identifiers

/// An account of the ledger.
public enum LedgerAccount: Hashable, Sendable {
  /// What crossed the counter: the till holds the negative of its balance.
  case cash
  /// The holder of a card: positive is credit, negative is owed.
  case holder(CardSerial)
  /// A seller of titles: positive is earned.
  case seller(String)
  /// A payment processor, by its name: it holds the negative of its balance for the centre.
  case processor(String)
  /// Pay-back that is granted to the holder of a card and not paid out yet (P7).
  case payback(CardSerial)
  /// What pay-back of one kind has cost: the negative of its balance.
  case promotion(PaybackKind)

  var kind: String {
    switch self {
    case .cash: "cash"
    case .holder: "holder"
    case .seller: "seller"
    case .processor: "processor"
    case .payback: "payback"
    case .promotion: "promotion"
    }
  }

  var owner: String {
    switch self {
    case .cash: ""
    case .holder(let serial), .payback(let serial): serial.description
    case .seller(let name), .processor(let name): name
    case .promotion(let kind): kind.rawValue
    }
  }
}

/// One movement on an account.
public struct LedgerLine: Hashable, Sendable {
  /// The operation that moved it; each moves money once.
  public var operation: String
  /// What for, for people.
  public var memo: String
  /// When, seconds since 1970 UTC.
  public var time: UInt64
  /// What the account gained; negative for what it gave.
  public var amount: Money
}

/// The double-entry ledger: money only ever moves from one account to another, in integer minor units, and every
/// entry adds up to nothing.
public struct Ledger: Sendable {
  let context: CenterContext

  /// Takes money in over the counter for a card's holder. The same operation again changes nothing.
  ///
  /// - Throws: ``CenterError/Code/notFound`` for a card that the centre does not know.
  public func deposit(
    _ amount: Money, for holder: CardSerial, operation: OperationID
  ) async throws(CenterError) {
    guard amount.minorUnits > 0, amount.currency != .points else {
      throw CenterError(.invalid, "Taking in money", remedy: "The amount must be positive, and money.")
    }
    let context = context
    try await context.database.write { transaction in
      let isNew = try Ledger.transfer(
        transaction, amount, from: .cash, to: .holder(holder), operation: "deposit:\(operation)", memo: "deposit",
        at: context.clock.now())
      guard isNew else { return }
      _ = try CardRow.get(transaction, holder)
      try AuditLog.append(
        transaction, at: context.clock.now(), "ledger.deposit", subject: holder, detail: amount.description)
    }
  }

  /// The balance of an account in one currency.
  public func balance(of account: LedgerAccount, in currency: Currency) async throws(CenterError) -> Money {
    try await context.database.read { try Ledger.balance($0, account, currency) }
  }

  /// What moved on an account in one currency, oldest first.
  public func statement(of account: LedgerAccount, in currency: Currency) async throws(CenterError) -> [LedgerLine] {
    try await context.database.read { transaction in
      let rows = try transaction.run(
        """
        SELECT e.operation, e.memo, e.time, p.amount FROM postings p
        JOIN ledger_entries e ON e.id = p.entry JOIN accounts a ON a.id = p.account
        WHERE a.kind = $1 AND a.owner = $2 AND a.currency = $3 ORDER BY e.id, p.line
        """, [.text(account.kind), .text(account.owner), .text(currency.code)])
      return try rows.map { row in
        LedgerLine(
          operation: try row.text("operation"), memo: try row.text("memo"), time: try row.number("time"),
          amount: Money(minorUnits: try row.integer("amount"), currency: currency))
      }
    }
  }

  /// Checks that every entry, every balance and the whole add up.
  public func verify() async throws(CenterError) {
    try await context.database.read { try Ledger.verify($0) }
  }
}

extension Ledger {
  /// Checks that every entry, every balance and the whole add up.
  static func verify(_ transaction: any Transaction) throws {
    let unbalanced = try transaction.first(
      """
      SELECT p.entry FROM postings p JOIN accounts a ON a.id = p.account
      GROUP BY p.entry, a.currency HAVING SUM(p.amount) <> 0
      """)
    let drifted = try transaction.first(
      """
      SELECT a.id FROM accounts a LEFT JOIN postings p ON p.account = a.id
      GROUP BY a.id, a.balance HAVING a.balance <> COALESCE(SUM(p.amount), 0)
      """)
    guard unbalanced == nil, drifted == nil else {
      throw CenterError(.damaged, "Checking the ledger", remedy: "It does not balance; compare it with a backup.")
    }
  }

  /// Moves `amount` (not negative) between accounts, once for each `operation`.
  ///
  /// - Returns: Whether anything moved; `false` when this very operation had been done before.
  /// - Throws: ``CenterError/Code/keyReused`` when the operation had been done with other content.
  @discardableResult
  static func transfer(
    _ transaction: any Transaction, _ amount: Money, from payer: LedgerAccount, to payee: LedgerAccount,
    operation: String, memo: String, at time: UInt64
  ) throws -> Bool {
    guard amount.minorUnits >= 0, payer != payee else {
      throw CenterError(.invalid, "Booking", remedy: "An amount moves between two accounts and is not negative.")
    }
    let postings = [(payer, try amount.negated()), (payee, amount)]
    guard
      let entry = try transaction.first(
        """
        INSERT INTO ledger_entries (id, operation, memo, time) VALUES ($1, $2, $3, $4)
        ON CONFLICT (operation) DO NOTHING RETURNING id
        """,
        [.integer(try transaction.nextNumber(of: "ledger entry")), .text(operation), .text(memo), .number(time)])
    else {
      try expectSame(transaction, operation, postings)
      return false
    }
    let identifier = try entry.integer("id")
    let accounts = try postings.map { account, amount in try credit(transaction, account, amount) }
    try transaction.tell(
      "INSERT INTO postings (entry, line, account, amount) VALUES ($1, 0, $2, $3), ($1, 1, $4, $5)",
      [.integer(identifier)]
        + zip(accounts, postings).flatMap { [.integer($0), .integer($1.1.minorUnits)] })
    return true
  }

  static func balance(_ transaction: any Transaction, _ account: LedgerAccount, _ currency: Currency) throws -> Money {
    let row = try transaction.first(
      "SELECT balance FROM accounts WHERE kind = $1 AND owner = $2 AND currency = $3",
      [.text(account.kind), .text(account.owner), .text(currency.code)])
    return Money(minorUnits: try row?.integer("balance") ?? 0, currency: currency)
  }

  /// Adds `amount` to an account's balance, from 0 on where it has none, and answers the account's number.
  private static func credit(
    _ transaction: any Transaction, _ account: LedgerAccount, _ amount: Money
  ) throws -> Int64 {
    let row = try transaction.first(
      "SELECT id, balance FROM accounts WHERE kind = $1 AND owner = $2 AND currency = $3",
      [.text(account.kind), .text(account.owner), .text(amount.currency.code)])
    let before = Money(minorUnits: try row?.integer("balance") ?? 0, currency: amount.currency)
    let balance = SQLValue.integer(try before.adding(amount).minorUnits)
    if let identifier = try row?.integer("id") {
      try transaction.tell("UPDATE accounts SET balance = $2 WHERE id = $1", [.integer(identifier), balance])
      return identifier
    }
    let identifier = try transaction.nextNumber(of: "account")
    try transaction.tell(
      "INSERT INTO accounts (id, kind, owner, currency, balance) VALUES ($1, $2, $3, $4, $5)",
      [
        .integer(identifier), .text(account.kind), .text(account.owner), .text(amount.currency.code), balance,
      ])
    return identifier
  }

  private static func expectSame(
    _ transaction: any Transaction, _ operation: String, _ postings: [(LedgerAccount, Money)]
  ) throws {
    let rows = try transaction.run(
      """
      SELECT a.kind, a.owner, a.currency, p.amount FROM ledger_entries e
      JOIN postings p ON p.entry = e.id JOIN accounts a ON a.id = p.account
      WHERE e.operation = $1 ORDER BY p.line
      """, [.text(operation)])
    let isSame =
      try rows.count == postings.count
      && zip(rows, postings).allSatisfy { row, posting in
        try row.text("kind") == posting.0.kind && row.text("owner") == posting.0.owner
          && row.text("currency") == posting.1.currency.code && row.integer("amount") == posting.1.minorUnits
      }
    guard isSame else {
      throw CenterError(.keyReused, "Booking", remedy: "This operation was booked before with other content.")
    }
  }
}
