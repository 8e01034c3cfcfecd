import ArgumentParser
import Formats
import Foundation
import Identifiers
import LicenseCenter

/// The noun `center payback rule`.
struct CenterPaybackRule: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rule", abstract: "The rules by which pay-back is granted.",
    subcommands: [CenterPaybackRuleSet.self, CenterPaybackRuleList.self, CenterPaybackRuleRetire.self])
}

/// `center payback rule set`.
struct CenterPaybackRuleSet: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "set", abstract: "Set a rule, which is good from now on.",
    discussion: """
      A referral gives an amount to whoever introduced a new holder; bulk gives an amount, or so many thousandths of \
      what a sale cost; points give one for each whole --per of what it cost. All conditions must hold at once. A rule \
      is never edited: retire it, and set another.

      Example:
        warifu center payback rule set bulk --share 50 --codes-in-sale 10 \\
          --center center --passphrase file:passphrase
        warifu center payback rule set points --per "1.00 EUR" \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "What it rewards.")
  var kind: PaybackKind

  @Option(help: ArgumentHelp("Give this much, such as \"5.00 EUR\".", valueName: "money"))
  var amount: Money?

  @Option(help: ArgumentHelp("Give so many thousandths of what the sale cost, 1 to 1000.", valueName: "number"))
  var share: UInt16?

  @Option(help: ArgumentHelp("Give a point for each whole amount like this.", valueName: "money"))
  var per: Money?

  @Option(help: ArgumentHelp("If the sale has so many codes.", valueName: "number"))
  var codesInSale: UInt32 = 0

  @Option(help: ArgumentHelp("If so many codes were ever sold with the card.", valueName: "number"))
  var codesInAll: UInt32 = 0

  @Option(help: ArgumentHelp("If guests have redeemed so many codes of the card.", valueName: "number"))
  var codesUsed: UInt32 = 0

  @Option(help: ArgumentHelp("If the sale cost so much.", valueName: "money"))
  var spent: Money?

  @Option(help: ArgumentHelp("If it is about this title.", valueName: "title"))
  var title: TitleChoice?

  @Option(help: ArgumentHelp("From this day on, such as 2027-01-31, at 0:00 UTC.", valueName: "date"))
  var from: DateArgument?

  @Option(help: ArgumentHelp("Up to the end of this day.", valueName: "date"))
  var until: DateArgument?

  @OptionGroup var operation: OperationOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard [amount != nil, share != nil, per != nil].filter(\.self).count == 1 else {
      throw ValidationError("give one of --amount, --share and --per: what the rule gives")
    }
  }

  func run() async throws {
    let record = try await center.use { center in
      let softwareID = try await title?.resolve(
        among: center.titles.titles().map(NamedTitle.init), in: "the centre")
      let rule = try PaybackRule(
        kind, reward, on: conditions(softwareID), start: from?.start ?? 0, end: until.map { $0.start + 86_399 })
      return try await operation.run { try await center.payback.add(rule, operation: $0) }
    }
    try output.write(RuleReport(record))
  }

  private var reward: PaybackReward {
    if let amount { return .amount(amount) }
    if let share { return .share(perMille: share) }
    return .points(per: per ?? .zero(.points))
  }

  private func conditions(_ softwareID: SoftwareID?) -> PaybackConditions {
    PaybackConditions(
      codesInSale: codesInSale, codesInAll: codesInAll, codesUsed: codesUsed, amount: spent, softwareID: softwareID)
  }
}

/// `center payback rule list`.
struct CenterPaybackRuleList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the rules, retired ones too.",
    discussion: """
      Example:
        warifu center payback rule list --center center --passphrase file:passphrase
      """)

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let rules = try await center.use { try await $0.payback.rules() }
    try output.write(RuleListReport(rules: rules.map(RuleReport.init)))
  }
}

/// `center payback rule retire`.
struct CenterPaybackRuleRetire: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retire", abstract: "Have a rule grant nothing more; what it granted stays.",
    discussion: """
      Example:
        warifu center payback rule retire 3 --yes \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The rule's number.")
  var number: UInt64

  @OptionGroup var agreement: AgreementOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let record = try await center.use { center in
      guard try await center.payback.rules().contains(where: { $0.number == number }) else {
        throw Failure(
          .badInput, "there is no rule \(number)", remedy: "see 'warifu center payback rule list'")
      }
      try agreement.confirm("Rule \(number) grants nothing more")
      return try await center.payback.end(number)
    }
    try output.write(RuleReport(record))
  }
}

extension PaybackKind: ExpressibleByArgument {}

/// A day as an argument.
struct DateArgument: ExpressibleByArgument, Sendable {
  /// Its first second, since 1970 UTC.
  let start: UInt64

  init?(argument: String) {
    guard argument.utf8.count == 10,
      let date = try? Date.ISO8601FormatStyle().year().month().day().parse(argument), date.timeIntervalSince1970 >= 0
    else { return nil }
    start = UInt64(date.timeIntervalSince1970)
  }
}

private struct RuleReport: Report {
  let number: UInt64
  let kind: String
  let gives: String
  let conditions: [String]
  let start: UInt64
  let end: UInt64?
  let ended: Bool

  init(_ record: PaybackRuleRecord) {
    number = record.number
    let rule = record.rule
    kind = rule.kind.rawValue
    gives =
      switch rule.reward {
      case .amount(let amount): amount.description
      case .share(let perMille): "\(perMille) of 1000"
      case .points(let unit): "1 point for \(unit)"
      }
    var conditions: [String] = []
    let asked = rule.conditions
    if asked.codesInSale > 0 { conditions.append("\(asked.codesInSale) codes in the sale") }
    if asked.codesInAll > 0 { conditions.append("\(asked.codesInAll) codes in all") }
    if asked.codesUsed > 0 { conditions.append("\(asked.codesUsed) codes used") }
    if let amount = asked.amount { conditions.append("\(amount) spent") }
    if let softwareID = asked.softwareID { conditions.append("title \(softwareID)") }
    self.conditions = conditions
    start = rule.start
    end = rule.end
    ended = rule.end.map { $0 < SystemClock().now() + 1 } ?? false
  }

  fileprivate var until: String { end.map { (ended ? "ended " : "") + Words.time($0) } ?? "no end" }
  fileprivate var condition: String { conditions.isEmpty ? "always" : conditions.joined(separator: ", ") }

  var text: String {
    Columns.fields([
      ("Rule", "\(number), \(kind)"), ("Gives", gives), ("If", condition),
      ("From", start == 0 ? "the beginning" : Words.time(start)), ("Until", until),
    ])
  }
}

private struct RuleListReport: Report {
  let rules: [RuleReport]

  var text: String {
    guard !rules.isEmpty else { return "No rules.\n" }
    return Columns.table(
      ["RULE", "KIND", "GIVES", "UNTIL", "IF"],
      rules.map { ["\($0.number)", $0.kind, $0.gives, $0.until, $0.condition] })
  }
}
