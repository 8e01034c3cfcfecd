import ArgumentParser
import Cryptography
import LicenseCenter

/// The noun `center keys`.
struct CenterKeys: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "The centre's keys: their versions, new ones, and the passphrase around them.",
    subcommands: [CenterKeysList.self, CenterKeysRotate.self, CenterKeysPassphrase.self])
}

/// `center keys list`.
struct CenterKeysList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List what keys there are, and their versions.",
    discussion: """
      What is new is made under the first version of each line; the others serve what was made under them.

      Example:
        warifu center keys list --center center --passphrase file:passphrase
      """)

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let keys = try await center.use { $0.keyVersions }
    try output.write(KeysReport(keys: keys.map { KeysReport.Row(key: $0.purpose.name, versions: $0.versions) }))
  }
}

/// `center keys rotate`.
struct CenterKeysRotate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rotate", abstract: "Make a next version of keys; what was made under the old ones stays good.",
    discussion: """
      The keys have the names that 'center keys list' shows. Start a centre that is being served again afterwards: it \
      goes on with the keys that it knows.

      Example:
        warifu center keys rotate licence-signing \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "Which keys; 'all' for every one.")
  var keys: [String]

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let purposes = try keys.flatMap { name -> [KeyPurpose] in
      if name == "all" { return KeyPurpose.allCases }
      guard let purpose = KeyPurpose.allCases.first(where: { $0.name == name }) else {
        throw Failure(
          .usage, "there are no such keys",
          remedy: "name some of \(KeyPurpose.allCases.map(\.name).joined(separator: ", ")), or all")
      }
      return [purpose]
    }
    let folder = try center.folder()
    let location = try center.location(of: folder)
    let passphrase = try center.passphraseOptions.read()
    var made: [KeysReport.Row] = []
    for purpose in purposes {
      let version = try await folder.rotate(
        purpose, passphrase: passphrase, database: location, random: SystemRandom(), clock: SystemClock())
      made.append(KeysReport.Row(key: purpose.name, versions: (1...version).reversed()))
    }
    try output.write(KeysReport(keys: made))
  }
}

/// `center keys passphrase`.
struct CenterKeysPassphrase: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "passphrase", abstract: "Seal the keys under another passphrase.",
    discussion: """
      Backups that were made before open with the old one.

      Example:
        warifu center keys passphrase --new-passphrase file:new \\
          --center center --passphrase file:passphrase
      """)

  @Option(help: ArgumentHelp("SOURCE of the new passphrase.", valueName: "source"))
  var newPassphrase: SecretSource?

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let folder = try center.folder()
    let location = try center.location(of: folder)
    let old = try center.passphraseOptions.read()
    let new = try SecretRequest(what: "new passphrase", option: "--new-passphrase")
      .answer(newPassphrase, confirming: true)
    try await folder.changePassphrase(from: old, to: new, database: location, random: SystemRandom(), clock: SystemClock())
    try output.write(PassphraseReport(folder: folder.path))
  }
}

extension KeyPurpose {
  /// The purpose as an argument.
  fileprivate var name: String { words.replacing(" ", with: "-") }
}

private struct KeysReport: Report {
  struct Row: Encodable {
    let key: String
    let versions: [UInt32]
  }

  let keys: [Row]

  var text: String {
    Columns.table(
      ["KEY", "VERSIONS"], keys.map { [$0.key, $0.versions.map { String($0) }.joined(separator: " ")] })
  }
}

private struct PassphraseReport: Report {
  let folder: String

  var text: String { "The keys of \(folder) open with the new passphrase only.\n" }
}
