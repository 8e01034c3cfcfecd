import ArgumentParser
import Formats
import Identifiers
import LicenseCenter

/// The noun `center card`.
struct CenterCard: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "card", abstract: "The cards that a centre keeps books on.",
    subcommands: [CenterCardList.self, CenterCardShow.self])
}

/// `center card list`.
struct CenterCardList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the cards.",
    discussion: """
      Example:
        warifu center card list --center center --passphrase file:passphrase
      """)

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let report = try await center.use { center in
      var cards: [CardBookReport] = []
      for serial in try await center.cardIssuer.serials() {
        cards.append(try await CardBookReport(center, try await center.cardIssuer.card(serial)))
      }
      return CardListReport(cards: cards)
    }
    try output.write(report)
  }
}

/// `center card show`.
struct CenterCardShow: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show the books of one card.",
    discussion: """
      Example:
        warifu center card show 0102030405060708 \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The card's serial.")
  var serial: SerialArgument

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let report = try await center.use { center in
      try await CardBookReport(center, try await center.cardIssuer.card(serial.serial))
    }
    try output.write(report)
  }
}

/// What a centre has on one card (P16).
private struct CardBookReport: Report {
  let serial: String
  let state: String
  let purchaser: String?
  let moduleType: String
  let codesSold: UInt32
  let maximumCodes: UInt32?
  let soldFor: [String]
  let licenses: Int
  let conversionLicenses: Int
  let balances: [String]
  let issuedAt: UInt64?

  init(_ center: Center, _ record: CardRecord) async throws {
    serial = record.serial.description
    state = record.state.rawValue
    purchaser = record.purchaser
    moduleType = record.moduleType
    codesSold = record.codesSold
    maximumCodes = record.maximumCodes
    soldFor = record.amounts.map(\.description)
    let given = try await center.titleLicenses.licenses(of: record.serial)
    licenses = given.count
    conversionLicenses = given.filter { $0.profile == .conversion }.count
    var balances: [String] = []
    let currencies = Set(try await center.titles.titles().map(\.price.currency))
    for currency in currencies.sorted(by: { $0.code < $1.code }) {
      balances.append(try await center.ledger.balance(of: .holder(record.serial), in: currency).description)
    }
    self.balances = balances
    issuedAt = record.issuedAt
  }

  var text: String {
    Columns.fields([
      ("Card", serial), ("State", state), ("Purchaser", purchaser ?? "nobody yet"), ("Module", moduleType),
      ("Issued", issuedAt.map(Words.time) ?? "not yet"), ("Codes", codes),
      ("Sold for", soldFor.isEmpty ? "nothing" : soldFor.joined(separator: ", ")),
      ("Licences", "\(licenses), \(conversionLicenses) of them by conversion keys"),
      ("Balance", balances.isEmpty ? "0" : balances.joined(separator: ", ")),
    ])
  }

  var codes: String { "\(codesSold) of at most \(maximumCodes.map(String.init) ?? "0")" }
}

private struct CardListReport: Report {
  let cards: [CardBookReport]

  var text: String {
    guard !cards.isEmpty else { return "No cards.\n" }
    return Columns.table(
      ["CARD", "STATE", "CODES", "LICENCES", "BALANCE"],
      cards.map { [$0.serial, $0.state, $0.codes, "\($0.licenses)", $0.balances.joined(separator: ", ")] })
  }
}
