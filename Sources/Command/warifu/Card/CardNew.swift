import ArgumentParser
import CardEmulator
import CardProtocol
import Cryptography
import Formats
import Foundation
import Identifiers
import LicenseCenter
import Octets

/// `card new`.
struct CardNew: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "new", abstract: "Make a blank emulated card and register it at a centre.",
    discussion: """
      The card's file is encrypted under the emulator key, which is made on first use. Its transport keys go to the \
      centre, which alone can issue it.

      Example:
        warifu card new alice.card --center center --passphrase file:passphrase
      """)

  @Argument(help: "The file to make.")
  var file: String

  @Flag(help: "Use GlobalPlatform's public test keys; no centre issues such a card.")
  var testKeys = false

  @Option(
    help: ArgumentHelp("SOURCE of the emulator key; without it the user's own.", valueName: "source"))
  var cardKey: SecretSource?

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try NewPath.checkFolder(of: file)
    let random = SystemRandom()
    if testKeys {
      guard center.folderOptions.center == nil else {
        throw Failure(.usage, "a card with public test keys is for no centre", remedy: "leave --center away")
      }
      let key = try EmulatorKey.readOrMake(cardKey, random: random)
      let production = try EmulatedCard.makeWithTestKeys(at: file, key: key, random: random)
      return try output.write(NewCardReport(file: file, serial: production.serial, center: nil, hasTestKeys: true))
    }
    // The centre first: no card is left behind that nobody can issue.
    let report = try await center.use { center in
      let key = try EmulatorKey.readOrMake(cardKey, random: random)
      let production = try EmulatedCard.make(at: file, key: key, random: random)
      do {
        try await center.cardIssuer.register(try CardNew.record(production))
      } catch {
        unlink(file)
        throw error
      }
      return NewCardReport(file: file, serial: production.serial, center: center.facts.name, hasTestKeys: false)
    }
    try output.write(report)
  }

  /// What the maker of a card tells its issuer.
  private static func record(_ production: borrowing EmulatedCard.Production) throws -> ProductionRecord {
    let length = production.transportKeys.count / 3
    func key(_ index: Int) throws -> Secret {
      try production.transportKeys.withBytes { (bytes) throws(OctetError) in
        var reader = OctetReader(bytes)
        _ = try reader.take(index * length)
        return Secret(copying: try reader.take(length))
      }
    }
    return try ProductionRecord(
      cardSerial: production.serial, moduleType: "warifu emulated card",
      productionNumber: production.serial.description, producedAt: SystemClock().now(), encryptionKey: try key(0),
      macKey: try key(1), dataKey: try key(2))
  }
}

private struct NewCardReport: Report {
  let file: String
  let serial: String
  let center: String?
  let hasTestKeys: Bool

  init(file: String, serial: CardSerial, center: String?, hasTestKeys: Bool) {
    self.file = file
    self.serial = serial.description
    self.center = center
    self.hasTestKeys = hasTestKeys
  }

  var text: String {
    Columns.fields([
      ("Card", serial), ("File", file), ("State", hasTestKeys ? "blank, with public test keys" : "blank"),
      ("Registered", center ?? "nowhere"),
    ])
  }
}
