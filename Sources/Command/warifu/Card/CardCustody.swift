import ArgumentParser
import CardDriver
import CardProtocol
import Identifiers
import LicenseCenter

/// `card lock`.
struct CardLock: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lock", abstract: "Have the centre lock a card: it keeps what it has and does nothing.",
    discussion: """
      'card unlock' undoes it.

      Example:
        warifu card lock --card-file alice.card --center center \\
          --passphrase file:passphrase --yes --card 0102030405060708
      """)

  @OptionGroup var options: CustodyOptions

  func run() async throws { try await options.make(.locked) }
}

/// `card unlock`.
struct CardUnlock: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unlock", abstract: "Have the centre unlock a card that it locked.",
    discussion: """
      Example:
        warifu card unlock --card-file alice.card --center center \\
          --passphrase file:passphrase
      """)

  @OptionGroup var options: CustodyOptions

  func run() async throws { try await options.make(.usable) }
}

/// `card terminate`.
struct CardTerminate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "terminate", abstract: "Have the centre end a card for ever.",
    discussion: """
      Its codes, keys and licences are of no more use to anybody.

      Example:
        warifu card terminate --card-file alice.card --center center \\
          --passphrase file:passphrase --yes --card 0102030405060708
      """)

  @OptionGroup var options: CustodyOptions

  func run() async throws { try await options.make(.terminated) }
}

/// What the three verbs take.
struct CustodyOptions: ParsableArguments {
  @OptionGroup var confirmation: ConfirmationOptions
  @OptionGroup var cardOptions: CardOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var dry: DryRunOptions
  @OptionGroup var output: OutputOptions

  func make(_ custody: CardCustody) async throws {
    let connection = try cardOptions.connect()
    let status = try connection.applicationStatus()
    let serial = status.serial
    if dry.dryRun {
      let state: LifeCycle =
        switch custody {
        case .usable: .secured
        case .locked: .cardLocked
        case .terminated: .terminated
        }
      let commands = CardPlan.Step.channel + [CardPlan.Step(.setStatus(state, serial: serial), secured: true)]
      return try output.write(CardPlan(serial, custody.verb, commands))
    }
    // Nobody should be asked about what cannot be done.
    if let consequence = custody.consequence, status.lifeCycle != .terminated {
      try confirmation.confirm("\(consequence) card \(serial) (\(status.loss))", for: serial, named: cardOptions.serial)
    }
    let changed = try await center.use { center in
      try await center.cardIssuer.setCustody(custody, of: serial, over: LocalRelay(connection: connection))
    }
    try output.write(CustodyReport(card: serial.description, state: custody.word, changed: changed))
  }
}

extension CardCustody {
  fileprivate var verb: String {
    switch self {
    case .usable: "unlock the card"
    case .locked: "lock the card"
    case .terminated: "end the card for ever"
    }
  }

  fileprivate var word: String {
    switch self {
    case .usable: "issued"
    case .locked: "locked"
    case .terminated: "terminated"
    }
  }

  /// What must be confirmed.
  fileprivate var consequence: String? {
    switch self {
    case .usable: nil
    case .locked: "This locks"
    case .terminated: "This ends for ever"
    }
  }
}

extension ApplicationStatus {
  /// What its holder stands to lose, and how far from blocked he is.
  fileprivate var loss: String {
    "\(Words.count(codeCount, "code")) on it, PIN tries \(pinTries), PUK tries \(pukTries)"
  }
}

private struct CustodyReport: Report {
  let card: String
  let state: String
  let changed: Bool

  var text: String { Columns.fields([("Card", card), ("State", state + (changed ? "" : ", as it was"))]) }
}
