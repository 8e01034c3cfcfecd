import ArgumentParser
import Formats
import Identifiers
import LicenseCenter

/// The noun `center payback`.
struct CenterPayback: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "payback", abstract: "Pay-back to holders: rules, what they granted, paying it out.",
    subcommands: [
      CenterPaybackRule.self, CenterPaybackShow.self, CenterPaybackPay.self, CenterPaybackExchange.self,
      CenterPaybackWorth.self, CenterPaybackIntroduce.self,
    ])
}

/// `center payback show`.
struct CenterPaybackShow: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show what a holder was granted, and what of it waits to be paid out.",
    discussion: """
      Example:
        warifu center payback show 0102030405060708 \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The holder's card.")
  var serial: SerialArgument

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let report = try await center.use { center in
      let statement = try await center.statements.statement(of: serial.serial)
      return PaybackReport(statement)
    }
    try output.write(report)
  }
}

/// `center payback pay`.
struct CenterPaybackPay: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pay", abstract: "Pay granted pay-back out, to the holder's account or hand.",
    discussion: """
      Cash is for holders who owe nothing; else pay it out to the account, where it pays the debt.

      Example:
        warifu center payback pay 0102030405060708 "2.50 EUR" --to cash \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The holder's card.")
  var serial: SerialArgument

  @Argument(help: "How much, such as \"2.50 EUR\".")
  var amount: Money

  @Option(help: "Where it goes.")
  var to = PaybackDestination.account

  @OptionGroup var operation: OperationOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let report = try await center.use { center in
      try await operation.run { id in
        try await center.payback.payOut(amount, of: serial.serial, to: to, operation: id)
        return PayoutReport(
          card: serial.serial.description, paid: amount.description, to: to.rawValue,
          left: try await center.payback.balance(of: serial.serial, in: amount.currency).description,
          operation: id.description)
      }
    }
    try output.write(report)
  }
}

/// `center payback exchange`.
struct CenterPaybackExchange: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exchange", abstract: "Turn a holder's points into granted money, at what a point is worth.",
    discussion: """
      Example:
        warifu center payback exchange 0102030405060708 --points 120 --into EUR \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The holder's card.")
  var serial: SerialArgument

  @Option(help: ArgumentHelp("How many points.", valueName: "number"))
  var points: Int64

  @Option(help: ArgumentHelp("Into which currency, such as EUR.", valueName: "currency"))
  var into: Currency

  @OptionGroup var operation: OperationOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let report = try await center.use { center in
      try await operation.run { id in
        let amount = try await center.payback.exchange(
          points: points, of: serial.serial, into: into, operation: id)
        return ExchangeReport(
          card: serial.serial.description, points: points, amount: amount.description, operation: id.description)
      }
    }
    try output.write(report)
  }
}

/// `center payback worth`.
struct CenterPaybackWorth: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "worth", abstract: "Say what a point is worth from now on.",
    discussion: """
      Each currency has a worth of its own.

      Example:
        warifu center payback worth "0.05 EUR" \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "What a point is worth, such as \"0.05 EUR\".")
  var amount: Money

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await center.use { try await $0.payback.setWorth(ofPoint: amount) }
    try output.write(WorthReport(point: amount.description))
  }
}

/// `center payback introduce`.
struct CenterPaybackIntroduce: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "introduce", abstract: "Note who introduced the holder of a new card, for referral rules.",
    discussion: """
      Once for each card, and before any code is sold with it. The one who introduced is named by the card, or by a \
      code that came from it.

      Example:
        warifu center payback introduce 0102030405060708 \\
          --by 1112131415161718 --center center --passphrase file:passphrase
      """)

  @Argument(help: "The new holder's card.")
  var serial: SerialArgument

  @Option(help: ArgumentHelp("The card of who introduced them.", valueName: "serial"))
  var by: SerialArgument?

  @Option(help: ArgumentHelp("SOURCE of a code of who introduced them.", valueName: "source"))
  var code: SecretSource?

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard (by == nil) != (code == nil) else { throw ValidationError("give one of --by and --code") }
  }

  func run() async throws {
    let introducer: Introducer =
      if let by { .card(by.serial) } else {
        .code(try CodeOptions.code(try SecretRequest(what: "code", option: "--code").answer(code)))
      }
    try await center.use { try await $0.payback.introduce(serial.serial, by: introducer) }
    try output.write(IntroductionReport(card: serial.serial.description))
  }
}

extension PaybackDestination: ExpressibleByArgument {}

extension Currency: ExpressibleByArgument {
  /// Three capital letters.
  public init?(argument: String) { self.init(argument) }
}

private struct PaybackReport: Report {
  struct Grant: Encodable {
    let rule: UInt64
    let kind: String
    let occasion: String
    let amount: String
    let grantedAt: UInt64
  }

  let card: String
  let waiting: [String]
  let grants: [Grant]

  init(_ statement: HolderStatement) {
    card = statement.card.serial.description
    waiting = statement.balances.filter { $0.payback.minorUnits != 0 }.map(\.payback.description)
    grants = statement.grants.map {
      Grant(
        rule: $0.rule, kind: $0.kind.rawValue, occasion: $0.occasion, amount: $0.amount.description,
        grantedAt: $0.grantedAt)
    }
  }

  var text: String {
    let head = Columns.fields([
      ("Card", card), ("Not paid out", waiting.isEmpty ? "nothing" : waiting.joined(separator: ", ")),
    ])
    guard !grants.isEmpty else { return head + "Nothing was granted.\n" }
    return head
      + Columns.table(
        ["GRANTED", "RULE", "KIND", "AMOUNT", "OCCASION"],
        grants.map { [Words.time($0.grantedAt), "\($0.rule)", $0.kind, $0.amount, $0.occasion] })
  }
}

private struct PayoutReport: Report {
  let card: String
  let paid: String
  let to: String
  let left: String
  let operation: String

  var text: String {
    Columns.fields([("Card", card), ("Paid out", "\(paid) to \(to)"), ("Left", left), ("Operation", operation)])
  }
}

private struct ExchangeReport: Report {
  let card: String
  let points: Int64
  let amount: String
  let operation: String

  var text: String {
    Columns.fields([("Card", card), ("Exchanged", "\(points) points for \(amount)"), ("Operation", operation)])
  }
}

private struct WorthReport: Report {
  let point: String

  var text: String { "A point is worth \(point) from now on.\n" }
}

private struct IntroductionReport: Report {
  let card: String

  var text: String { "It is noted who introduced the holder of card \(card).\n" }
}
