import ArgumentParser
import CardDriver
import CardProtocol
import Identifiers

/// `card info`.
struct CardInfo: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info", abstract: "Show what a card says of itself.",
    discussion: """
      Needs no PIN.

      Example:
        warifu card info --card-file alice.card
      """)

  @OptionGroup var card: CardOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try output.write(CardReport(try card.connect().applicationStatus()))
  }
}

private struct CardReport: Report {
  let serial: String
  let state: String
  let charges: UInt32
  let codesEverCharged: UInt32
  let codes: Int
  let codeCapacity: Int
  let pinTries: Int
  let pukTries: Int
  let knownTime: UInt64?
  let hasTestKeys: Bool

  init(_ status: ApplicationStatus) {
    serial = status.serial.description
    state =
      switch status.lifeCycle {
      case .operatingReady, .initialized: "blank"
      case .secured: "issued"
      case .cardLocked: "locked"
      case .terminated: "terminated"
      }
    charges = status.chargeCounter
    codesEverCharged = status.codesEverCharged
    codes = status.codeCount
    codeCapacity = status.codeCapacity
    pinTries = status.pinTries
    pukTries = status.pukTries
    knownTime = status.knownTime == 0 ? nil : status.knownTime
    hasTestKeys = status.hasTestKeys
  }

  var text: String {
    Columns.fields([
      ("Card", serial), ("State", state + (hasTestKeys ? ", with public test keys" : "")),
      ("Codes", "\(codes), room for \(codeCapacity)"),
      ("Charges", "\(charges), of \(Words.count(Int(codesEverCharged), "code")) together"),
      ("Tries left", state == "blank" ? "no PIN yet" : "PIN \(pinTries), PUK \(pukTries)"),
      ("Time told", knownTime.map(Words.time) ?? "never"),
    ])
  }
}
