import ArgumentParser
import CardDriver
import CardEmulator
import CardProtocol
import Cryptography
import Foundation
import ISO7816
import Identifiers
import LicenseCenter
import Sockets

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
      "The card that 'warifu card insert' offers at a Unix socket or TCP port.", valueName: "path|host:port"))
  var cardSocket: SocketArgument?

  @Option(help: ArgumentHelp("The card in the reader with this in its name.", valueName: "part"))
  var reader: String?

  @Option(
    name: .customLong("card"),
    help: ArgumentHelp("The card with this serial: in any reader, if nothing says where.", valueName: "serial"))
  var serial: SerialArgument?

  @Option(
    help: ArgumentHelp(
      "Write what goes to the card and comes back, without secrets; - for standard error.", valueName: "path"))
  var trace: String?

  @Option(
    help: ArgumentHelp(
      "Record the session into a new file, encrypted like card files; see 'warifu apdu replay'.",
      valueName: "file"))
  var record: String?

  func validate() throws {
    guard places.count <= 1 else {
      throw ValidationError("Only one of --card-file, --card-socket and --reader can be meant.")
    }
  }

  private var places: [String] { [cardFile, cardSocket?.address.description, reader].compactMap(\.self) }

  /// Where an option says that the card is.
  private var place: String? { places.first }

  /// Whether an option names a card.
  var isGiven: Bool { place != nil || serial != nil }

  /// Whether a card was named at all.
  var namesCard: Bool { isGiven || variable != nil }

  private var variable: String? {
    ProcessInfo.processInfo.environment["WARIFU_CARD"].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// The card, just reset, and the one that is meant.
  func connect() throws -> CardConnection {
    let connection = try CardConnection(try transport())
    guard let serial else { return connection }
    try check(try connection.applicationStatus().serial, serial.serial)
    try connection.reset()
    return connection
  }

  /// The card with its application selected.
  func open() throws -> WarifuCard {
    let card = try WarifuCard(try CardConnection(try transport()))
    if let serial { try check(try card.status().serial, serial.serial) }
    return card
  }

  private func check(_ found: CardSerial, _ serial: CardSerial) throws {
    guard found != serial else { return }
    guard place == nil else {
      throw Failure(
        .noDevice, "that is card \(found), not \(serial)", remedy: "insert the right card, or say where it is")
    }
    throw Failure(
      .noDevice, "WARIFU_CARD names card \(found), not \(serial)",
      remedy: "say where that one is, with --card-file, --card-socket or --reader")
  }

  /// The way to the card: where an option says, else the file of WARIFU_CARD, else a reader.
  ///
  /// - Parameter seed: for tests, where the chance of a card in a file comes from.
  func transport(seed: UInt64? = nil) throws -> any APDUTransport {
    let card = try untraced(seed)
    let traced: any APDUTransport = try trace.map { try TraceFile.trace(card, to: $0) } ?? card
    guard let record else { return traced }
    let key = try EmulatorKey.readOrMake(cardKey, random: SystemRandom())
    return try SessionFiles.record(traced, to: record, key: key, seed: seed)
  }

  private func untraced(_ seed: UInt64?) throws -> any APDUTransport {
    let path = cardFile ?? (place == nil ? variable : nil)
    if let path { return try file(path, seed) }
    guard seed == nil else {
      throw Failure(
        .usage, "only a card in a file has a seed", remedy: "name one with --card-file, or leave --seed away")
    }
    if let cardSocket { return try SocketTransport(connectingTo: cardSocket.address) }
    if let reader { return try CardFinder().card(inReader: reader) }
    if let serial { return try CardFinder().card(serial.serial) }
    return try CardFinder.onlyCard()
  }

  private func file(_ path: String, _ seed: UInt64?) throws -> EmulatedCard {
    // The card before its key: whoever mistypes the path should hear about that.
    guard FileManager.default.fileExists(atPath: path) else {
      throw Failure(
        .noDevice, "there is no card at \(path)", remedy: "check the path, or make one with 'warifu card new'")
    }
    let random: any RandomSource = seed.map { SeededRandom(seed: $0) } ?? SystemRandom()
    return try EmulatedCard(path: path, key: try EmulatorKey.read(cardKey), random: random)
  }
}

/// A socket as an argument.
struct SocketArgument: ExpressibleByArgument, Sendable {
  let address: SocketAddress

  init?(argument: String) {
    guard let address = SocketAddress(argument) else { return nil }
    self.address = address
  }
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

  /// Has the card verify it: on the reader's keypad, where it has one and no source is given. Never tried again by itself.
  func verify(with card: WarifuCard) throws {
    if pin == nil, card.pinPadAbilities.contains(.verify) {
      Terminal.complain("Enter the PIN on the reader.")
      return try card.verifyAtPINPad()
    }
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
