import ArgumentParser
import CardDriver
import CardProtocol
import Formats
import ISO7816
import Identifiers
import LicenseCenter

/// `card issue`.
struct CardIssue: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "issue", abstract: "Make a blank card someone's: keys, certificates, PIN and PUK.",
    discussion: """
      If it breaks off, run it again: each step does only what is missing. Then print the PIN letter with \
      'card pin letter'.

      Example:
        warifu card issue --purchaser "Alice" --card-file alice.card \\
          --center center --passphrase file:passphrase
      """)

  @Option(help: ArgumentHelp("Who buys the card; the centre keeps the name encrypted.", valueName: "name"))
  var purchaser: String

  @Option(help: ArgumentHelp("The most codes that may ever be sold with it.", valueName: "number"))
  var maximumCodes: UInt32 = 100

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Numbers of the generation keys it gets, 1 to 16.", valueName: "number"))
  var generationKeys: [UInt8] = [1]

  @OptionGroup var card: CardOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var dry: DryRunOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let card = try card.open()
    let serial = try card.status().serial
    let order = try CardIssueOrder(
      cardSerial: serial, purchaser: purchaser, maximumCodes: maximumCodes,
      generationKeys: Set(generationKeys).sorted())
    if dry.dryRun { return try output.write(CardIssue.plan(order)) }
    let report = try await center.use { center in
      let record = try await center.cardIssuer.issue(order, over: LocalRelay(connection: card.connection))
      return IssueReport(record, center: center.facts.name)
    }
    try output.write(report)
  }
}

extension CardIssue {
  /// An issue from the blank card on; one that is carried on does only what is missing.
  fileprivate static func plan(_ order: CardIssueOrder) -> CardPlan {
    let pairs = CommandAPDU.KeyPair.allCases.map { CardPlan.Step(.generateKeyPair($0), secured: true) }
    let keys = order.generationKeys.map { CardPlan.Step.putKey(version: KeyVersion.generationKeyBase + $0) }
    // Four certificates, the centre's key, PIN and PUK.
    let objects = CardPlan.Step.store(octets: 4 * certificateOctets + 70 + 19)
    return CardPlan(
      order.cardSerial, "issue the card",
      CardPlan.Step.channel + [.putKey(version: KeyVersion.individualKey)] + CardPlan.Step.channel + keys + pairs
        + [objects])
  }

  /// About what a certificate of a P-256 key takes, with its tag and length.
  private static var certificateOctets: Int { 450 }
}

private struct IssueReport: Report {
  let serial: String
  let state: String
  let center: String
  let maximumCodes: UInt32
  let generationKeys: [UInt8]

  init(_ record: CardRecord, center: String) {
    serial = record.serial.description
    state = record.state.rawValue
    self.center = center
    maximumCodes = record.maximumCodes ?? 0
    generationKeys = record.generationKeys
  }

  var text: String {
    Columns.fields([
      ("Card", serial), ("State", state), ("Issued by", center), ("Codes", "at most \(maximumCodes)"),
      ("Generation keys", generationKeys.map(String.init).joined(separator: ", ")),
    ])
  }
}
