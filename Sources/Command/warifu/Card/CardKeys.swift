import ArgumentParser
import CardDriver
import CardProtocol
import Cryptography
import Foundation
import Identifiers
import LicenseCenter
import Octets

/// The noun `card keys`.
struct CardKeys: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "The card's keys, of which only names and sizes can be seen.",
    subcommands: [CardKeysList.self, CardKeysPut.self], defaultSubcommand: CardKeysList.self)
}

/// `card keys list`.
struct CardKeysList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the keys that a card says it has: their names and sizes.",
    discussion: """
      Example:
        warifu card keys list --card-file alice.card
      """)

  @OptionGroup var card: CardOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try output.write(KeyListReport(keys: try card.open().keyInformation().map(KeyListReport.Key.init)))
  }
}

/// `card keys put`.
struct CardKeysPut: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "put", abstract: "Have the centre put further keys on a card.",
    discussion: """
      --generation puts the centre's own secret-key-generation keys of these numbers. --set puts a further SCP03 key \
      set for somebody else: --keys is the SOURCE of ENC, MAC and DEK, of 16, 24 or 32 octets each, as octets or in \
      hexadecimal; the centre keeps no copy. Key check values are shown, never keys.

      Example:
        warifu card keys put --generation 2 3 --card-file alice.card \\
          --center center --passphrase file:passphrase
      """)

  @Option(
    parsing: .upToNextOption, help: ArgumentHelp("Numbers of generation keys, 1 to 16.", valueName: "number"))
  var generation: [UInt8] = []

  @Option(help: ArgumentHelp("Version of a further key set, 2 to 15.", valueName: "version"))
  var set: UInt8?

  @Option(help: ArgumentHelp("SOURCE of the set's three keys.", valueName: "source"))
  var keys: SecretSource?

  @OptionGroup var card: CardOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var dry: DryRunOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard generation.isEmpty != (set == nil) else {
      throw ValidationError("Give either --generation or --set.")
    }
    guard generation.allSatisfy({ (1...CardProtocol.generationKeyCount).contains($0) }) else {
      throw ValidationError("Generation keys have the numbers 1 to 16.")
    }
    if let set, !KeyVersion.furtherSets.contains(set) {
      throw ValidationError("Further sets have the versions 2 to 15.")
    }
    guard set != nil || keys == nil else { throw ValidationError("--keys goes with --set.") }
  }

  func run() async throws {
    let card = try card.open()
    try card.checkIsIssued()
    let serial = try card.status().serial
    if dry.dryRun { return try output.write(plan(serial)) }
    let relay = LocalRelay(connection: card.connection)
    let placed: [PlacedKey]
    if let set {
      let secret = try CardKeysPut.threeKeys(try SecretRequest(what: "key set", option: "--keys").read(keys))
      placed = try await center.use { center in
        [try await center.cardIssuer.putKeySet(version: set, secret, on: serial, over: relay)]
      }
    } else {
      placed = try await center.use { center in
        try await center.cardIssuer.addGenerationKeys(Set(generation), to: serial, over: relay)
      }
    }
    try output.write(PlacedKeysReport(card: serial.description, keys: placed.map(PlacedKeysReport.Key.init)))
  }

  private func plan(_ serial: CardSerial) -> CardPlan {
    let puts =
      set.map { [CardPlan.Step.putKey(version: $0, count: 3)] }
      ?? Set(generation).sorted().map { CardPlan.Step.putKey(version: KeyVersion.generationKeyBase + $0) }
    return CardPlan(
      serial, set == nil ? "put generation keys on the card" : "put a key set on the card",
      CardPlan.Step.channel + puts)
  }

  /// ENC ‖ MAC ‖ DEK as octets, or in hexadecimal.
  private static func threeKeys(_ secret: consuming Secret) throws -> Secret {
    let lengths = [48, 72, 96]
    if lengths.contains(secret.count) { return secret }
    let digits = secret.withBytes { String(decoding: $0.octets, as: UTF8.self) }
    let text = digits.trimmingCharacters(in: .whitespacesAndNewlines)
    guard let octets = Hex.decode(text), lengths.contains(octets.count) else {
      throw Failure(
        .badInput, "the key set is none", remedy: "give three keys of 16, 24 or 32 octets, one behind the other")
    }
    return Secret(copying: octets)
  }
}

private struct KeyListReport: Report {
  struct Key: Encodable {
    let version: UInt8
    let identifier: UInt8
    let purpose: String
    let type: String
    let octets: UInt16

    init(_ key: KeyInformation) {
      version = key.version
      identifier = key.identifier
      octets = key.octets
      type = key.type == 0x88 ? "AES" : Hex.encode([key.type])
      purpose =
        switch (key.version, key.identifier) {
        case (KeyVersion.individualKey, _): "individual"
        case (KeyVersion.generationKeys, _): "generation \(key.version - KeyVersion.generationKeyBase)"
        case (_, 1): "ENC"
        case (_, 2): "MAC"
        case (_, 3): "DEK"
        default: "\(key.identifier)"
        }
    }
  }

  let keys: [Key]

  var text: String {
    guard !keys.isEmpty else { return "No keys.\n" }
    return Columns.table(
      ["VERSION", "KEY", "TYPE", "LENGTH"],
      keys.map { ["\($0.version)", $0.purpose, $0.type, Words.count(Int($0.octets), "octet")] })
  }
}

private struct PlacedKeysReport: Report {
  struct Key: Encodable {
    let version: UInt8
    let purpose: String
    let checkValues: [String]

    init(_ key: PlacedKey) {
      version = key.version
      purpose =
        KeyVersion.generationKeys.contains(version)
        ? "generation \(version - KeyVersion.generationKeyBase)" : "ENC, MAC, DEK"
      checkValues = key.checkValues.map(Hex.encode)
    }
  }

  let card: String
  let keys: [Key]

  var text: String {
    guard !keys.isEmpty else { return "Nothing to put: the card has them.\n" }
    return Columns.fields([("Card", card)])
      + Columns.table(
        ["VERSION", "KEY", "CHECK VALUES"],
        keys.map { ["\($0.version)", $0.purpose, $0.checkValues.joined(separator: " ")] })
  }
}
