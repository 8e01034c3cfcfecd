import ArgumentParser
import Formats
import Identifiers
import LicenseCenter

/// `center statement`.
struct CenterStatement: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "statement", abstract: "Show everything that the centre has to tell a holder, at one moment.",
    discussion: """
      Codes by title and state, balances, pay-back, payments, refunds, notices. A code itself is never shown.

      Example:
        warifu center statement 0102030405060708 \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The holder's card.")
  var serial: SerialArgument

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let report = try await center.use { StatementReport(try await $0.statements.statement(of: serial.serial)) }
    try output.write(report)
  }
}

private struct StatementReport: Report {
  struct Codes: Encodable {
    let softwareID: String
    let title: String
    let state: String
    let count: Int
  }

  struct Balance: Encodable {
    let currency: String
    let account: String
    let payback: String
  }

  struct Notices: Encodable {
    let waiting: Int
    let delivered: Int
    let read: Int
  }

  let card: String
  let state: String
  let purchaser: String?
  let codesSold: UInt32
  let maximumCodes: UInt32?
  let codes: [Codes]
  let balances: [Balance]
  let grants: Int
  let methodOnFile: Bool
  let payments: [PaymentReport]
  let refunds: [RefundReport]
  let notices: Notices

  init(_ statement: HolderStatement) {
    card = statement.card.serial.description
    state = statement.card.state.rawValue
    purchaser = statement.card.purchaser
    codesSold = statement.card.codesSold
    maximumCodes = statement.card.maximumCodes
    codes = statement.codes.map {
      Codes(softwareID: $0.softwareID.description, title: $0.title, state: $0.state.rawValue, count: $0.count)
    }
    balances = statement.balances.map {
      Balance(
        currency: $0.account.currency.code, account: $0.account.description, payback: $0.payback.description)
    }
    grants = statement.grants.count
    methodOnFile = statement.hasPaymentMethod
    payments = statement.payments.map(PaymentReport.init)
    refunds = statement.refunds.map { RefundReport($0) }
    func count(_ state: NoticeRecord.State) -> Int { statement.notices.filter { $0.state == state }.count }
    notices = Notices(waiting: count(.waiting), delivered: count(.delivered), read: count(.read))
  }

  var text: String {
    var text = Columns.fields([
      ("Card", card), ("State", state), ("Holder", purchaser ?? "nobody yet"),
      ("Codes", "\(codesSold) of at most \(maximumCodes ?? 0)"),
      ("Means of payment", methodOnFile ? "on file" : "none on file"), ("Pay-back", Words.count(grants, "grant")),
      ("Notices", "\(notices.waiting) waiting, \(notices.delivered) delivered, \(notices.read) read"),
    ])
    if !balances.isEmpty {
      text += "\n" + Columns.table(["ACCOUNT", "PAY-BACK"], balances.map { [$0.account, $0.payback] })
    }
    if !codes.isEmpty {
      text +=
        "\n" + Columns.table(["CODES", "STATE", "TITLE"], codes.map { ["\($0.count)", $0.state, $0.title] })
    }
    if !payments.isEmpty { text += "\n" + PaymentReport.table(payments) }
    if !refunds.isEmpty {
      text +=
        "\n"
        + Columns.table(
          ["REFUNDED", "CODES", "PRICE", "PAID OUT"],
          refunds.map { [Words.time($0.refundedAt), "\($0.codes)", $0.price, $0.paid] })
    }
    return text
  }
}
