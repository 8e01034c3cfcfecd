import Formats
import Identifiers

/// What pay-back is for (P7, [0021], [0049]).
public enum PaybackKind: String, Hashable, Sendable, CaseIterable {
  /// The holder introduced somebody who bought a card.
  case referral
  /// The holder bought many codes.
  case bulk
  /// The holder bought at all: utilisation points.
  case points
}

/// What a rule gives.
public enum PaybackReward: Hashable, Sendable {
  /// A fixed amount.
  case amount(Money)
  /// So many thousandths, 1...1000, of what a sale cost, rounded down.
  case share(perMille: UInt16)
  /// One point for each whole `amount` of what a sale cost.
  case points(per: Money)
}

/// What has to be so before a rule gives anything (claim 13): all of it at once. What is 0 or `nil` asks for nothing.
public struct PaybackConditions: Hashable, Sendable {
  /// Codes in the sale.
  public var codesInSale: UInt32
  /// Codes ever sold with the card (utilisation count of Fig 8), this sale's among them.
  public var codesInAll: UInt32
  /// Codes of the card that guests have redeemed.
  public var codesUsed: UInt32
  /// What the sale cost, at least; sales in other currencies do not count.
  public var amount: Money?
  /// The only title that counts.
  public var softwareID: SoftwareID?

  /// Conditions; see the properties.
  public init(
    codesInSale: UInt32 = 0, codesInAll: UInt32 = 0, codesUsed: UInt32 = 0, amount: Money? = nil,
    softwareID: SoftwareID? = nil
  ) {
    self.codesInSale = codesInSale
    self.codesInAll = codesInAll
    self.codesUsed = codesUsed
    self.amount = amount
    self.softwareID = softwareID
  }
}

/// A rule of pay-back, as the counter sets it. A rule is never edited: it is ended, and another one made.
///
/// Of a referral the conditions are about the cards of the person introduced, and the reward goes to who introduced them;
/// it is given once for each introduction. Bulk and points are about one sale each.
public struct PaybackRule: Hashable, Sendable {
  /// What it rewards.
  public var kind: PaybackKind
  /// What it gives.
  public var reward: PaybackReward
  /// On what conditions.
  public var conditions: PaybackConditions
  /// From when on it is good, seconds since 1970 UTC.
  public var start: UInt64
  /// The last second at which it is good; `nil` for no end.
  public var end: UInt64?

  /// A rule.
  ///
  /// - Throws: ``CenterError/Code/invalid`` for a reward that does not go with the kind, or is nothing; or for an end
  ///   before the start.
  public init(
    _ kind: PaybackKind, _ reward: PaybackReward, on conditions: PaybackConditions = PaybackConditions(),
    start: UInt64 = 0, end: UInt64? = nil
  ) throws(CenterError) {
    let isFit =
      switch (kind, reward) {
      case (.referral, .amount(let amount)), (.bulk, .amount(let amount)):
        amount.minorUnits > 0 && amount.currency != .points
      case (.bulk, .share(let perMille)): (1...1000).contains(perMille)
      case (.points, .points(let unit)): unit.minorUnits > 0 && unit.currency != .points
      default: false
      }
    guard isFit else {
      throw CenterError(
        .invalid, "Making a pay-back rule",
        remedy: "A referral gives an amount, bulk an amount or 1 to 1000 thousandths, points one for each amount.")
    }
    if let end, end < start {
      throw CenterError(.invalid, "Making a pay-back rule", remedy: "The rule ends before it starts.")
    }
    (self.kind, self.reward, self.conditions, self.start, self.end) = (kind, reward, conditions, start, end)
  }
}

/// A rule as the centre has it.
public struct PaybackRuleRecord: Hashable, Sendable {
  /// Its number.
  public var number: UInt64
  /// The rule; its end is where the counter ended it, if that was earlier.
  public var rule: PaybackRule
}

extension PaybackRuleRecord {
  init(_ row: SQLRow) throws {
    number = try row.number("id")
    let value: Int64 = try row.integer("reward")
    let currency = Currency(try row.text("reward_currency"))
    let reward: PaybackReward?
    switch (try row.text("reward_kind"), currency) {
    case ("amount", let currency?): reward = .amount(Money(minorUnits: value, currency: currency))
    case ("share", _): reward = UInt16(exactly: value).map { .share(perMille: $0) }
    case ("points", let currency?): reward = .points(per: Money(minorUnits: value, currency: currency))
    default: reward = nil
    }
    guard let reward else {
      throw CenterError(.damaged, "Reading a pay-back rule", remedy: "Restore the database from a backup.")
    }
    let least: Int64? = try row.optionalNumber("amount")
    let leastCurrency = Currency(try row.text("amount_currency"))
    let title = try row.optionalOctets("software_id")
    let conditions = PaybackConditions(
      codesInSale: try row.number("codes_in_sale"), codesInAll: try row.number("codes_in_all"),
      codesUsed: try row.number("codes_used"),
      amount: least.flatMap { units in leastCurrency.map { Money(minorUnits: units, currency: $0) } },
      softwareID: title.flatMap { SoftwareID(octets: $0) })
    rule = try PaybackRule(
      try row.value("kind") { PaybackKind(rawValue: $0) }, reward, on: conditions, start: try row.number("start_at"),
      end: try row.optionalNumber("end_at"))
  }
}

extension PaybackReward {
  /// What the columns `reward_kind`, `reward` and `reward_currency` have.
  var columns: [SQLValue] {
    switch self {
    case .amount(let amount): [.text("amount"), .integer(amount.minorUnits), .text(amount.currency.code)]
    case .share(let perMille): [.text("share"), .number(perMille), .text("")]
    case .points(let unit): [.text("points"), .integer(unit.minorUnits), .text(unit.currency.code)]
    }
  }
}
