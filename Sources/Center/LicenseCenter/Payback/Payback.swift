import Cryptography
import Formats
import Identifiers

/// Who introduced a newcomer.
public enum Introducer: Hashable, Sendable {
  /// The holder of this card.
  case card(CardSerial)
  /// The holder who handed this code out.
  case code(RetrievalCode)
}

extension Introducer {
  /// Which one of both, and its octets.
  fileprivate var octets: [[UInt8]] {
    switch self {
    case .card(let serial): [Array("card".utf8), serial.octets]
    case .code(let code): [Array("code".utf8), code.octets]
    }
  }
}

/// Where pay-back is paid out to.
public enum PaybackDestination: String, Hashable, Sendable, CaseIterable {
  /// The holder's account: it pays later bills.
  case account
  /// The holder's hand, over the counter.
  case cash
}

/// Pay-back to holders (P7, claim 13): rules that the counter sets, and what they have granted.
///
/// A sale is judged by the rules in the very transaction that books it, and again when some of its codes are refunded.
/// What is granted gathers on an account of its own until it is paid out.
public struct Payback: Sendable {
  let context: CenterContext

  /// Sets a rule; the same operation again gives the same one.
  public func add(_ rule: PaybackRule, operation: OperationID) async throws(CenterError) -> PaybackRuleRecord {
    let context = context
    return try await context.database.write { transaction in
      if let row = try transaction.first(
        "SELECT * FROM payback_rules WHERE operation = $1", [.blob(operation.octets)])
      {
        let earlier = try PaybackRuleRecord(row)
        guard try row.optionalOctets("request").map({ $0 == rule.digest }) ?? rule.isSame(as: earlier.rule) else {
          throw CenterError(
            .keyReused, "Making a pay-back rule", remedy: "This operation was done before with another rule.")
        }
        return earlier
      }
      if let title = rule.conditions.softwareID { _ = try TitleRow.get(transaction, title) }
      return try Payback.insert(transaction, context, rule, operation)
    }
  }

  /// Ends a rule now, unless it has ended; what it granted stays.
  public func end(_ number: UInt64) async throws(CenterError) -> PaybackRuleRecord {
    let context = context
    return try await context.database.write { transaction in
      let now = context.clock.now()
      let rows = try transaction.run(
        "SELECT * FROM payback_rules WHERE id = $1", [.number(number)])
      guard let row = rows.first else {
        throw CenterError(.notFound, "Ending a pay-back rule", remedy: "There is no rule \(number).")
      }
      var record = try PaybackRuleRecord(row)
      guard record.rule.end.map({ $0 > now }) ?? true else { return record }
      record.rule.end = max(now, record.rule.start)
      try transaction.run(
        "UPDATE payback_rules SET end_at = $2 WHERE id = $1", [.number(number), .number(record.rule.end)])
      try AuditLog.append(transaction, at: now, "payback.rule.end", subject: number)
      return record
    }
  }

  /// Every rule, oldest first, ended ones too.
  public func rules() async throws(CenterError) -> [PaybackRuleRecord] {
    try await context.database.read { transaction in
      try transaction.run("SELECT * FROM payback_rules ORDER BY id").map(PaybackRuleRecord.init)
    }
  }

  /// Notes who introduced the holder of a new card: once, and before any code is sold with it.
  ///
  /// A rule for referrals that asks for nothing gives its reward at once: a card was bought. The same operation again
  /// changes nothing.
  ///
  /// - Throws: ``CenterError/Code/invalid`` for a card that introduces itself or was issued later,
  ///   ``CenterError/Code/conflict`` when somebody else introduced it or codes were sold with it,
  ///   ``CenterError/Code/notFound`` for a card, or a code, that the centre does not know.
  public func introduce(
    _ newcomer: CardSerial, by introducer: Introducer, operation: OperationID? = nil
  ) async throws(CenterError) {
    let context = context
    let order = [newcomer.octets] + introducer.octets
    try await context.write(once: operation, Payback.introducing, order) { transaction in
      let serial = try Payback.serial(of: introducer, transaction, context)
      if let row = try transaction.first(
        "SELECT introducer FROM introductions WHERE newcomer = $1", [.blob(newcomer.octets)])
      {
        guard try row.octets("introducer") == serial.octets else {
          throw CenterError(
            .conflict, Payback.introducing, remedy: "Somebody else introduced this holder; that stays.")
        }
        return
      }
      try Payback.expectNewcomer(transaction, newcomer, introducedBy: serial)
      let now = context.clock.now()
      try transaction.run(
        "INSERT INTO introductions (newcomer, introducer, introduced_at) VALUES ($1, $2, $3)",
        [.blob(newcomer.octets), .blob(serial.octets), .number(now)])
      try AuditLog.append(
        transaction, at: now, "payback.introduce", subject: newcomer, detail: "by card \(serial)")
      try Payback.judgeIntroduction(transaction, context, newcomer)
    }
  }

  /// Says what a point is worth from now on: so many minor units of a currency. The same operation again changes nothing.
  public func setWorth(ofPoint worth: Money, operation: OperationID? = nil) async throws(CenterError) {
    guard worth.minorUnits > 0, worth.currency != .points else {
      throw CenterError(.invalid, "Setting the worth of a point", remedy: "Name a positive amount of money.")
    }
    let context = context
    let order = [Array(worth.description.utf8)]
    try await context.write(once: operation, "Setting the worth of a point", order) { transaction in
      try transaction.run(
        """
        INSERT INTO point_worth (currency, minor_units) VALUES ($1, $2)
        ON CONFLICT (currency) DO UPDATE SET minor_units = $2
        """, [.text(worth.currency.code), .integer(worth.minorUnits)])
      try AuditLog.append(
        transaction, at: context.clock.now(), "payback.worth", subject: "point", detail: worth.description)
    }
  }

  /// What a point is worth, one amount for each currency that it can be exchanged into.
  public func worths() async throws(CenterError) -> [Money] {
    try await context.database.read { transaction in
      try transaction.run("SELECT minor_units, currency FROM point_worth ORDER BY currency").map {
        try $0.money("minor_units")
      }
    }
  }

  private static func insert(
    _ transaction: any Transaction, _ context: CenterContext, _ rule: PaybackRule, _ operation: OperationID
  ) throws -> PaybackRuleRecord {
    let number = try transaction.nextNumber(of: "pay-back rule")
    let now = context.clock.now()
    try transaction.run(
      """
      INSERT INTO payback_rules (id, operation, kind, reward_kind, reward, reward_currency, codes_in_sale, codes_in_all,
        codes_used, amount, amount_currency, software_id, start_at, end_at, made_at, request)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
      """,
      [.integer(number), .blob(operation.octets)] + rule.columns + [.number(now), .blob(rule.digest)])
    try AuditLog.append(
      transaction, at: now, "payback.rule", subject: number, detail: "\(rule.kind.rawValue), \(rule.reward)")
    return PaybackRuleRecord(number: UInt64(number), rule: rule)
  }

  private static let introducing = "Noting an introduction"

  private static func serial(
    of introducer: Introducer, _ transaction: any Transaction, _ context: CenterContext
  ) throws -> CardSerial {
    switch introducer {
    case .card(let serial): return serial
    case .code(let code):
      guard let booked = try CodeSales.row(transaction, code, context.keys),
        [.unused, .inUse, .used].contains(booked.state)
      else {
        throw CenterError(.notFound, introducing, remedy: "No holder of a card handed this code out.")
      }
      return booked.card
    }
  }

  private static func expectNewcomer(
    _ transaction: any Transaction, _ newcomer: CardSerial, introducedBy serial: CardSerial
  ) throws {
    let (new, old) = (try CardRow.issued(transaction, newcomer), try CardRow.issued(transaction, serial))
    let (issued, before) = (
      try new.row.number("issued_at", as: UInt64.self), try old.row.number("issued_at", as: UInt64.self)
    )
    let reverse = try transaction.first(
      "SELECT newcomer FROM introductions WHERE newcomer = $1 AND introducer = $2",
      [.blob(serial.octets), .blob(newcomer.octets)])
    guard newcomer != serial, before <= issued, reverse == nil else {
      throw CenterError(.invalid, introducing, remedy: "A holder is introduced by one whose card is older.")
    }
    guard try new.codesSold == 0 else {
      throw CenterError(.conflict, introducing, remedy: "Codes were sold with this card: its holder is no newcomer.")
    }
  }
}

extension PaybackRule {
  /// What the columns from `kind` to `end_at` have.
  fileprivate var columns: [SQLValue] {
    [.text(kind.rawValue)] + reward.columns + [
      .number(conditions.codesInSale), .number(conditions.codesInAll), .number(conditions.codesUsed),
      .number(conditions.amount?.minorUnits), .text(conditions.amount?.currency.code ?? ""),
      .octets(conditions.softwareID?.octets), .number(start), .number(end),
    ]
  }

  /// What the column `request` has: SHA-256 over those columns, as a backup spells them.
  fileprivate var digest: [UInt8] {
    Digest.sha256(columns.reduce(into: typedOctets("pay-back rule", [])) { $0.appendValue($1) })
  }

  /// Whether it is one that was made without a digest, and may have been ended since.
  fileprivate func isSame(as made: PaybackRule) -> Bool {
    var (made, asked) = (made, self)
    (made.end, asked.end) = (nil, nil)
    return made == asked
  }
}
