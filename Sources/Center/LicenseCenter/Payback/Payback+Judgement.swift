import Formats
import Identifiers

/// One sale of codes as the rules see it: what of it is still sold.
struct JudgedSale {
  /// `charge:` or `sheet:` and the row's number.
  var name: String
  var card: CardSerial
  var softwareID: SoftwareID
  var codes: UInt32
  var amount: Money

  init(_ transaction: any Transaction, _ owner: CodeOwner, card: CardSerial, _ title: TitleRecord) throws {
    name = "\(owner.column):\(owner.identifier)"
    self.card = card
    softwareID = title.softwareID
    let row = try transaction.first(
      """
      SELECT COUNT(*) AS codes, CAST(COALESCE(SUM(price), 0) AS BIGINT) AS amount FROM codes
      WHERE \(owner.column) = $1 AND state IN ('unused', 'inUse', 'used')
      """, [.integer(owner.identifier)])
    codes = try row?.number("codes") ?? 0
    amount = Money(minorUnits: try row?.integer("amount") ?? 0, currency: title.price.currency)
  }
}

/// How sales are judged by the rules.
extension Payback {
  /// Grants what the rules give for a sale, in the transaction that books it. Judged again, it grants nothing more.
  static func judge(
    _ transaction: any Transaction, _ context: CenterContext, _ owner: CodeOwner, card: CardSerial, _ title: TitleRecord
  ) throws {
    let rules = try liveRules(transaction, at: context.clock.now())
    guard !rules.isEmpty else { return }
    let sale = try JudgedSale(transaction, owner, card: card, title)
    let introducer = try introducer(transaction, of: card)
    for record in rules {
      let holder = record.rule.kind == .referral ? introducer : sale.card
      guard let holder, try record.rule.holds(for: sale, transaction) else { continue }
      let occasion = record.rule.kind == .referral ? "introduction:\(sale.card)" : sale.name
      try grant(
        transaction, context, record, occasion, sale: sale.name, buyer: sale.card, to: holder,
        try record.rule.reward.amount(for: sale))
    }
  }

  /// Judges an introduction itself by the rules for referrals: a card was bought, and no codes yet.
  static func judgeIntroduction(
    _ transaction: any Transaction, _ context: CenterContext, _ newcomer: CardSerial
  ) throws {
    guard let holder = try introducer(transaction, of: newcomer) else { return }
    for record in try liveRules(transaction, at: context.clock.now())
    where record.rule.kind == .referral && record.rule.conditions == PaybackConditions() {
      guard case .amount(let amount) = record.rule.reward else { continue }
      try grant(
        transaction, context, record, "introduction:\(newcomer)", sale: "", buyer: newcomer, to: holder, amount)
    }
  }

  /// Judges again what was granted for a sale of which codes were refunded, and whatever hangs on how many codes its
  /// buyer has in all. What no longer holds is taken back, by entries of its own.
  static func judgeAgain(_ transaction: any Transaction, _ context: CenterContext, _ sale: JudgedSale) throws {
    let rows = try transaction.run(
      """
      SELECT g.* FROM payback_grants g JOIN payback_rules r ON r.id = g.rule
      WHERE g.buyer = $1 AND g.amount > 0 AND g.sale <> '' AND (g.sale = $2 OR r.codes_in_all > 0) ORDER BY g.id
      """, [.blob(sale.card.octets), .text(sale.name)])
    for row in rows {
      guard let ruleRow = try transaction.first("SELECT * FROM payback_rules WHERE id = $1", [row["rule"] ?? .null])
      else { continue }
      let record = try PaybackRuleRecord(ruleRow)
      let currency = try row.money("amount").currency
      let name = try row.text("sale")
      let judged = name == sale.name ? sale : try JudgedSale(transaction, named: name, card: sale.card)
      let holds = try judged.map { try record.rule.holds(for: $0, transaction) } ?? false
      let amount = try holds ? judged.map { try record.rule.reward.amount(for: $0) } : nil
      try grant(
        transaction, context, record, try row.text("occasion"), sale: name, buyer: sale.card,
        to: try row.value("card") { CardSerial(octets: $0) }, amount ?? .zero(currency))
    }
  }

  /// Makes `amount` what a rule has granted on an occasion, by an entry over the difference.
  private static func grant(
    _ transaction: any Transaction, _ context: CenterContext, _ record: PaybackRuleRecord, _ occasion: String,
    sale: String, buyer: CardSerial, to holder: CardSerial, _ amount: Money
  ) throws {
    let row = try transaction.first(
      "SELECT id, amount, revision FROM payback_grants WHERE rule = $1 AND occasion = $2",
      [.number(record.number), .text(occasion)])
    let before = Money(minorUnits: try row?.integer("amount") ?? 0, currency: amount.currency)
    let difference = try amount.subtracting(before)
    guard difference.minorUnits != 0 else { return }
    let number = try row?.integer("id") ?? transaction.nextNumber(of: "pay-back grant")
    let revision = try (row?.integer("revision") ?? 0) + 1
    let now = context.clock.now()
    try transaction.run(
      """
      INSERT INTO payback_grants (id, rule, occasion, sale, buyer, card, amount, currency, revision, granted_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
      ON CONFLICT (rule, occasion) DO UPDATE SET sale = $4, amount = $7, revision = $9
      """,
      [
        .integer(number), .number(record.number), .text(occasion), .text(sale), .blob(buyer.octets),
        .blob(holder.octets), .integer(amount.minorUnits), .text(amount.currency.code), .integer(revision),
        .number(now),
      ])
    let kind = record.rule.kind
    let (promotion, gathered) = (LedgerAccount.promotion(kind), LedgerAccount.payback(holder))
    let isGiven = difference.minorUnits > 0
    try Ledger.transfer(
      transaction, isGiven ? difference : try difference.negated(), from: isGiven ? promotion : gathered,
      to: isGiven ? gathered : promotion, operation: "payback:\(number):\(revision)",
      memo: "\(kind.rawValue) pay-back\(isGiven ? "" : " taken back")", at: now)
    try AuditLog.append(
      transaction, at: now, isGiven ? "payback.grant" : "payback.take-back", subject: holder,
      detail: "rule \(record.number), \(occasion), \(difference)")
    let sum = isGiven ? difference : try difference.negated()
    try Notices.post(
      transaction, context,
      try Notice(
        isGiven ? .paybackGranted : .paybackTakenBack, amount: sum,
        text: "Pay-back (\(kind.rawValue)) \(isGiven ? "granted" : "taken back"): \(sum)."),
      to: holder)
  }

  private static func liveRules(_ transaction: any Transaction, at now: UInt64) throws -> [PaybackRuleRecord] {
    try transaction.run(
      "SELECT * FROM payback_rules WHERE start_at <= $1 AND (end_at IS NULL OR end_at >= $1) ORDER BY id",
      [.number(now)]
    ).map(PaybackRuleRecord.init)
  }

  private static func introducer(_ transaction: any Transaction, of card: CardSerial) throws -> CardSerial? {
    try transaction.first("SELECT introducer FROM introductions WHERE newcomer = $1", [.blob(card.octets)])?
      .value("introducer") { CardSerial(octets: $0) }
  }
}

extension JudgedSale {
  /// A sale of `card` by its ``name``; `nil` for one that is gone.
  fileprivate init?(_ transaction: any Transaction, named name: String, card: CardSerial) throws {
    let parts = name.split(separator: ":")
    guard parts.count == 2, let number = Int64(parts[1]) else { return nil }
    let (owner, table) =
      parts[0] == "charge" ? (CodeOwner.charge(number), "charges") : (CodeOwner.sheet(number), "seal_sheets")
    guard let row = try transaction.first("SELECT software_id FROM \(table) WHERE id = $1", [.integer(number)]) else {
      return nil
    }
    let softwareID = try row.value("software_id") { SoftwareID(octets: $0) }
    try self.init(transaction, owner, card: card, try TitleRow.get(transaction, softwareID).record)
  }
}

extension PaybackRule {
  /// Whether all of its conditions hold for a sale.
  fileprivate func holds(for sale: JudgedSale, _ transaction: any Transaction) throws -> Bool {
    guard sale.codes > 0, sale.codes >= conditions.codesInSale else { return false }
    if let title = conditions.softwareID, title != sale.softwareID { return false }
    if let least = conditions.amount,
      least.currency != sale.amount.currency || sale.amount.minorUnits < least.minorUnits
    {
      return false
    }
    if conditions.codesInAll > 0, try CardRow.get(transaction, sale.card).codesSold < conditions.codesInAll {
      return false
    }
    if conditions.codesUsed > 0,
      try CodeSales.count(transaction, card: sale.card, state: .used) < conditions.codesUsed
    {
      return false
    }
    return true
  }
}

extension PaybackReward {
  /// What it comes to for a sale. A reward that counts in another currency than the sale comes to nothing.
  fileprivate func amount(for sale: JudgedSale) throws(MoneyError) -> Money {
    switch self {
    case .amount(let amount): amount
    case .share(let perMille):
      // Divided first, so that nothing overflows: a thousandth of the whole thousands, and of the rest.
      try Money(minorUnits: sale.amount.minorUnits / 1000, currency: sale.amount.currency)
        .multiplied(by: Int(perMille))
        .adding(
          Money(minorUnits: sale.amount.minorUnits % 1000 * Int64(perMille) / 1000, currency: sale.amount.currency))
    case .points(let unit):
      Money(
        minorUnits: unit.currency == sale.amount.currency ? sale.amount.minorUnits / unit.minorUnits : 0,
        currency: .points)
    }
  }
}
