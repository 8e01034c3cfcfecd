import ArgumentParser
import CardDriver
import CardProtocol
import Cryptography
import Formats
import Identifiers
import Octets

/// `card hand-over`.
struct CardHandOver: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hand-over", abstract: "Take one code off a card for somebody, and show it.",
    discussion: """
      Whoever has the code has the right. Asked again, the card shows the same code again.

      Example:
        warifu card hand-over --index 0 --pin file:pin --card-file alice.card
      """)

  @Option(help: ArgumentHelp("The code's number, as 'card codes' shows it.", valueName: "number"))
  var index: UInt16

  @OptionGroup var pin: PINOptions
  @OptionGroup var retries: RetryOptions
  @OptionGroup var card: CardOptions
  @OptionGroup var dry: DryRunOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let card = try card.open()
    if dry.dryRun {
      let status = try card.status()
      let commands = [CardPlan.Step.select, .verify, CardPlan.Step(.handOverCode(index: index))]
      return try output.write(
        CardPlan(
          status.serial, "hand over code \(index)", commands,
          cost: CardPlan.Cost(pinTries: 1, pinTriesLeft: status.pinTries)))
    }
    try retries.check(.pin, of: card)
    try pin.verify(with: card)
    let handedOver = try card.handOver(index: index)
    guard let code = RetrievalCode(octets: handedOver.code.withBytes { $0.octets }) else {
      throw Failure(.transport, "the card's answer is no code", remedy: "check that it is a Warifu card")
    }
    try output.write(
      HandOverReport(index: index, code: code.text, softwareID: handedOver.softwareID.description))
  }
}

private struct HandOverReport: Report {
  let index: UInt16
  let code: String
  let softwareID: String

  var text: String { Columns.fields([("Code", code), ("Title", softwareID)]) }
}
