import ArgumentParser
import CardDriver
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import LicenseCenter

/// The noun `card pin`.
struct CardPIN: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pin", abstract: "The card's PIN.",
    subcommands: [CardPINLetter.self, CardPINVerify.self, CardPINChange.self, CardPINUnblock.self])
}

/// `card pin letter`.
struct CardPINLetter: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "letter", abstract: "Print the letter with PIN and PUK of a card that was just issued.",
    discussion: """
      Prints both: send standard output to a printer or a file of the holder's. --confirm-printed makes the centre \
      forget them.

      Example:
        warifu card pin letter --card-file alice.card --center center \\
          --passphrase file:passphrase > letter.txt
      """)

  @Flag(help: "Say that the letter is on paper: the centre forgets PIN and PUK.")
  var confirmPrinted = false

  @OptionGroup var confirmation: ConfirmationOptions
  @OptionGroup var card: CardOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let serial = try card.serial?.serial ?? card.open().status().serial
    try await center.use { center in
      let letter = try await center.cardIssuer.pinLetter(of: serial)
      guard confirmPrinted else { return try output.write(LetterReport(letter)) }
      try confirmation.confirm("The centre forgets PIN and PUK of card \(serial)", for: serial, named: card.serial)
      try await center.cardIssuer.confirmPINLetter(of: serial)
      try output.write(
        PINReport(card: serial.description, outcome: "The letter is on paper; the centre has forgotten it."))
    }
  }
}

/// `card pin verify`.
struct CardPINVerify: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Have the card check the PIN.",
    discussion: """
      A wrong PIN costs a try.

      Example:
        warifu card pin verify --pin file:pin --card-file alice.card
      """)

  @OptionGroup var pin: PINOptions
  @OptionGroup var retries: RetryOptions
  @OptionGroup var card: CardOptions
  @OptionGroup var dry: DryRunOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let card = try card.open(isRehearsal: dry.dryRun)
    if dry.dryRun { return try output.write(try CardPlan.pin(card, "verify the PIN", .verify)) }
    try retries.check(.pin, of: card)
    try pin.verify(with: card)
    try output.write(PINReport(card: try card.status().serial.description, outcome: "The PIN is right."))
  }
}

/// `card pin change`.
struct CardPINChange: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "change", abstract: "Change the PIN.",
    discussion: """
      A PIN has 4 to 8 characters. A wrong old one costs a try.

      Example:
        warifu card pin change --pin file:old-pin --new-pin file:new-pin \\
          --card-file alice.card
      """)

  @OptionGroup var pin: PINOptions

  @Option(help: ArgumentHelp("SOURCE of the new PIN.", valueName: "source"))
  var newPin: SecretSource?

  @OptionGroup var retries: RetryOptions
  @OptionGroup var card: CardOptions
  @OptionGroup var dry: DryRunOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let card = try card.open(isRehearsal: dry.dryRun)
    if dry.dryRun {
      let change = CommandAPDU.change(.pin, from: CardPlan.Step.reference, to: CardPlan.Step.reference)
      return try output.write(try CardPlan.pin(card, "change the PIN", CardPlan.Step(change)))
    }
    try retries.check(.pin, of: card)
    if pin.pin == nil, newPin == nil, card.pinPadAbilities.contains(.modify) {
      Terminal.complain("Enter the PIN and twice the new one on the reader.")
      try card.changeAtPINPad(.pin)
    } else {
      let old = try SecretRequest(what: "PIN", option: "--pin").answer(pin.pin)
      let new = try SecretRequest(what: "new PIN", option: "--new-pin").answer(newPin, confirming: true)
      try card.change(.pin, from: old, to: new)
    }
    try output.write(PINReport(card: try card.status().serial.description, outcome: "The PIN is changed."))
  }
}

/// `card pin unblock`, which is `card unblock` too.
struct CardPINUnblock: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unblock", abstract: "Set a new PIN by the PUK.",
    discussion: """
      A wrong PUK costs a try of the PUK; when none is left, the card stays blocked for ever. 'card unblock' and \
      'card pin unblock' are the same.

      Example:
        warifu card unblock --puk file:puk --new-pin file:new-pin \\
          --card-file alice.card
        warifu card pin unblock --puk file:puk --card-file alice.card
      """)

  @Option(help: ArgumentHelp("SOURCE of the PUK.", valueName: "source"))
  var puk: SecretSource?

  @Option(help: ArgumentHelp("SOURCE of the new PIN.", valueName: "source"))
  var newPin: SecretSource?

  @OptionGroup var retries: RetryOptions
  @OptionGroup var card: CardOptions
  @OptionGroup var dry: DryRunOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let card = try card.open(isRehearsal: dry.dryRun)
    if dry.dryRun {
      let status = try card.status()
      let unblock = CommandAPDU.unblock(puk: CardPlan.Step.reference, newPIN: CardPlan.Step.reference)
      return try output.write(
        CardPlan(
          status.serial, "set a new PIN by the PUK", [.select, CardPlan.Step(unblock)],
          cost: CardPlan.Cost(pukTries: 1, pukTriesLeft: status.pukTries)))
    }
    try retries.check(.puk, of: card)
    if puk == nil, newPin == nil, card.pinPadAbilities.contains(.modify) {
      Terminal.complain("Enter the PUK and twice the new PIN on the reader.")
      try card.unblockAtPINPad()
    } else {
      let key = try SecretRequest(what: "PUK", option: "--puk").answer(puk)
      let new = try SecretRequest(what: "new PIN", option: "--new-pin").answer(newPin, confirming: true)
      try card.unblock(puk: key, newPIN: new)
    }
    try output.write(PINReport(card: try card.status().serial.description, outcome: "The PIN is set anew."))
  }
}

extension CardPlan {
  /// One command that a wrong PIN makes cost a try.
  fileprivate static func pin(_ card: WarifuCard, _ action: String, _ step: CardPlan.Step) throws -> CardPlan {
    let status = try card.status()
    return CardPlan(
      status.serial, action, [.select, step], cost: Cost(pinTries: 1, pinTriesLeft: status.pinTries))
  }
}

private struct LetterReport: Report {
  let card: String
  let pin: String
  let puk: String
  let text: String

  private enum CodingKeys: CodingKey { case card, pin, puk }

  init(_ letter: PINLetter) {
    card = letter.cardSerial.description
    pin = letter.pin
    puk = letter.puk
    text = letter.text
  }
}

private struct PINReport: Report {
  let card: String
  let outcome: String

  var text: String { outcome + "\n" }
}
