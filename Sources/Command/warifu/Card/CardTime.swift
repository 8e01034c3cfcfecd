import ArgumentParser
import CardDriver
import CardProtocol
import Identifiers
import LicenseCenter

/// `card time`.
struct CardTime: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "time", abstract: "Have the centre tell a card the time.",
    discussion: """
      The centre signs its time over a challenge of the card's. A card never goes back in time: codes that have \
      expired by then are dead.

      Example:
        warifu card time --card-file alice.card --center center \\
          --passphrase file:passphrase
      """)

  @OptionGroup var card: CardOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var dry: DryRunOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let card = try card.open(isRehearsal: dry.dryRun)
    try card.checkIsIssued()
    let serial = try card.status().serial
    if dry.dryRun {
      let commands = [
        CardPlan.Step.select, CardPlan.Step(.getChallenge(32)),
        CardPlan.Step(.setTime(0, signature: [UInt8](repeating: 0, count: 64))),
      ]
      return try output.write(CardPlan(serial, "tell the card the time", commands))
    }
    let time = try await center.use { center in
      let (time, signature) = try await center.cardTime.sign(for: serial, challenge: try card.challenge())
      try card.setTime(time, signature: signature)
      return time
    }
    try output.write(TimeReport(card: serial.description, time: time))
  }
}

private struct TimeReport: Report {
  let card: String
  let time: UInt64

  var text: String { Columns.fields([("Card", card), ("Time told", Words.time(time))]) }
}
