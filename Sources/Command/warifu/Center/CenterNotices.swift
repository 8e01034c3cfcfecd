import ArgumentParser
import Cryptography
import Formats
import Identifiers
import LicenseCenter
import Octets

/// The noun `center notices`.
struct CenterNotices: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "notices", abstract: "Notices to holders, which only their cards open.",
    subcommands: [CenterNoticesSend.self, CenterNoticesList.self])
}

/// `center notices send`.
struct CenterNoticesSend: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "send", abstract: "Send a holder a notice, sealed for the card.",
    discussion: """
      The centre keeps the sealed notice alone: nobody can read it there.

      Example:
        warifu center notices send 0102030405060708 --text file:letter.txt \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The holder's card.")
  var serial: SerialArgument

  @Option(help: ArgumentHelp("SOURCE of what it says.", valueName: "source"))
  var text: SecretSource?

  @OptionGroup var operation: OperationOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let words = try SecretRequest(what: "text", option: "--text").answer(text)
    let content = words.withBytes { String(decoding: $0.octets, as: UTF8.self) }
    let report = try await center.use { center in
      try await operation.run { id in
        let number = try await center.notices.send(content, to: serial.serial, operation: id)
        return SentReport(card: serial.serial.description, notice: number, operation: id.description)
      }
    }
    try output.write(report)
  }
}

/// `center notices list`.
struct CenterNoticesList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List a holder's notices, and how far they have come.",
    discussion: """
      Example:
        warifu center notices list 0102030405060708 \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The holder's card.")
  var serial: SerialArgument

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let report = try await center.use { center in
      _ = try await center.cardIssuer.card(serial.serial)
      return NoticeListReport(
        card: serial.serial.description,
        notices: try await center.notices.records(of: serial.serial).map(NoticeListReport.Row.init))
    }
    try output.write(report)
  }
}

private struct SentReport: Report {
  let card: String
  let notice: UInt32
  let operation: String

  var text: String { Columns.fields([("Card", card), ("Notice", "number \(notice)"), ("Operation", operation)]) }
}

private struct NoticeListReport: Report {
  struct Row: Encodable {
    let notice: UInt32
    let state: String
    let madeAt: UInt64

    init(_ record: NoticeRecord) {
      notice = record.number
      state = record.state.rawValue
      madeAt = record.madeAt
    }
  }

  let card: String
  let notices: [Row]

  var text: String {
    guard !notices.isEmpty else { return "No notices.\n" }
    return Columns.table(
      ["NOTICE", "MADE", "STATE"], notices.map { ["\($0.notice)", Words.time($0.madeAt), $0.state] })
  }
}
