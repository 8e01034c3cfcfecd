import ArgumentParser
import CardDriver
import CardEmulator
import CardProtocol
import Cryptography
import Foundation
import ISO7816
import LicenseCenter

/// Which card.
struct CardOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The emulated card's file (or WARIFU_CARD).", valueName: "path"))
  var cardFile: String?

  @Option(
    help: ArgumentHelp(
      "SOURCE of the key that card files are encrypted under; without it the user's own.", valueName: "source"))
  var cardKey: SecretSource?

  @Option(
    help: ArgumentHelp(
      "Record the session into a new file, encrypted under the same key; see 'warifu apdu replay'.",
      valueName: "file"))
  var record: String?

  /// Whether a card was named at all.
  var namesCard: Bool { path != nil }

  private var path: String? { cardFile ?? ProcessInfo.processInfo.environment["WARIFU_CARD"] }

  /// The card, just reset.
  func connect() throws -> CardConnection { try CardConnection(try transport()) }

  /// The way to the card.
  ///
  /// - Parameter seed: where an emulated card's chance comes from; `nil` for real chance.
  func transport(seed: UInt64? = nil) throws -> any APDUTransport {
    guard let path else {
      throw Failure(.usage, "no card was named", remedy: "give its file with --card-file, or set WARIFU_CARD")
    }
    // The card before its key: whoever mistypes the path should hear about that.
    guard FileManager.default.fileExists(atPath: path) else {
      throw Failure(
        .noDevice, "there is no card at \(path)", remedy: "check the path, or make one with 'warifu card new'")
    }
    let random: any RandomSource = seed.map { SeededRandom(seed: $0) } ?? SystemRandom()
    let card = try EmulatedCard(path: path, key: try EmulatorKey.read(cardKey), random: random)
    return try record.map { try SessionFiles.record(card, to: $0, key: try EmulatorKey.read(cardKey), seed: seed) }
      ?? card
  }

  /// The card with its application selected.
  func open() throws -> WarifuCard { try WarifuCard(try connect()) }
}

extension WarifuCard {
  /// Refuses a card that is not in somebody's hands: no codes or licences are on it, or none that it would use.
  func checkIsIssued() throws {
    switch try status().lifeCycle {
    case .secured: break
    case .operatingReady, .initialized:
      throw Failure(.badInput, "the card is not issued", remedy: "see 'warifu card issue'")
    case .cardLocked:
      throw Failure(.badInput, "the card is locked", remedy: "ask its issuer, who can do 'warifu card unlock'")
    case .terminated:
      throw Failure(.badInput, "the card is at its end", remedy: "ask its issuer for another one")
    }
  }
}

/// The PIN.
struct PINOptions: ParsableArguments {
  @Option(help: ArgumentHelp("SOURCE of the PIN.", valueName: "source"))
  var pin: SecretSource?

  /// Has the card verify it. Never tried again by itself.
  func verify(with card: WarifuCard) throws {
    try card.verify(pin: try SecretRequest(what: "PIN", option: "--pin").answer(pin))
  }
}

/// The line between the centre and a card that are both here.
struct LocalRelay: CardRelay {
  let connection: CardConnection

  func exchange(_ command: CommandAPDU) async throws -> ResponseAPDU {
    try connection.exchange(command, operation: "pass a command on")
  }
}
