import ArgumentParser
import CardDriver
import CardProtocol
import Identifiers

/// `card codes`.
struct CardCodes: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "codes", abstract: "List the codes on a card by number and state, never the codes themselves.",
    discussion: """
      Needs no PIN.

      Example:
        warifu card codes --card-file alice.card
      """)

  @OptionGroup var card: CardOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let card = try card.open()
    try card.checkIsIssued()
    try output.write(CodesReport(codes: try card.codes().map(CodesReport.Code.init)))
  }
}

private struct CodesReport: Report {
  struct Code: Encodable {
    let index: UInt16
    let state: String
    let softwareID: String
    let generationKey: UInt8
    let expiry: UInt64?
    let usesLeft: UInt16?

    init(_ entry: CodeEntry) {
      index = entry.index
      state =
        switch entry.state {
        case .charged: "charged"
        case .handedOver: "handed over"
        case .spent: "spent"
        case .expired: "expired"
        }
      softwareID = entry.softwareID.description
      generationKey = entry.generationKey
      expiry = entry.expiry == 0 ? nil : entry.expiry
      usesLeft = entry.usesLeft == 0 ? nil : entry.usesLeft
    }
  }

  let codes: [Code]

  var text: String {
    guard !codes.isEmpty else { return "No codes.\n" }
    return Columns.table(
      ["INDEX", "STATE", "GOOD UNTIL", "TITLE"],
      codes.map { ["\($0.index)", $0.state, $0.expiry.map(Words.time) ?? "no date", $0.softwareID] })
  }
}
