import ArgumentParser
import Cryptography
import Formats
import Foundation
import LicenseCenter
import Octets

/// `center backup`.
struct CenterBackup: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup", abstract: "Write all of the centre into one sealed file, while it works on.",
    discussion: """
      The file opens with the passphrase that the centre has now. --check restores it into a folder that goes away \
      again, which shows that it can be done.

      Example:
        warifu center backup center.backup \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The file to make.")
  var file: String

  @Flag(help: "Read it back and check all that is in it.")
  var check = false

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try NewPath.checkFolder(of: file)
    let folder = try center.folder()
    let location = try center.location(of: folder)
    let passphrase = try center.passphraseOptions.read()
    let opened = try await folder.open(
      passphrase: passphrase, database: location, random: SystemRandom(), clock: SystemClock())
    let contents: BackupContents
    do { contents = try await opened.backUp(to: file) } catch {
      try? opened.close()
      throw error
    }
    try opened.close()
    if check {
      let scratch = URL(fileURLWithPath: file).deletingLastPathComponent().path
      _ = try await CenterFolder.checkBackup(
        file, scratch: scratch, passphrase: passphrase, random: SystemRandom(), clock: SystemClock())
    }
    try output.write(BackupReport(contents, file: file, folder: nil, replaced: nil))
  }
}

/// `center restore`.
struct CenterRestore: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore", abstract: "Make a centre's folder from a backup, after checking all that is in it.",
    discussion: """
      Nothing is replaced without --replace; with it, nothing may have the centre open, and the folder that makes place \
      stays beside the new one.

      Example:
        warifu center restore center.backup center \\
          --passphrase file:passphrase
      """)

  @Argument(help: "The backup.")
  var file: String

  @Argument(help: "The folder to make.")
  var folder: String

  @Flag(help: "Take the place of a centre that is there.")
  var replace = false

  @OptionGroup var passphrase: PassphraseOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    try ProcessSecrecy.begin()
    try NewPath.checkFolder(of: folder)
    let (contents, replaced) = try await CenterFolder.restore(
      file, to: folder, replacing: replace, passphrase: try passphrase.read(), random: SystemRandom(),
      clock: SystemClock())
    try output.write(BackupReport(contents, file: file, folder: folder, replaced: replaced))
  }
}

/// `center accept-clock`.
struct CenterAcceptClock: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "accept-clock", abstract: "Say that the clock is right, where the centre's newest record is of later.",
    discussion: """
      For when the clock was far ahead for a while. Codes and licences that ran out meanwhile are good again.

      Example:
        warifu center accept-clock --center center --passphrase file:passphrase
      """)

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let folder = try center.folder()
    let location = try center.location(of: folder)
    let passphrase = try center.passphraseOptions.read()
    let clock = SystemClock()
    let opened = try await folder.openAcceptingClock(
      passphrase: passphrase, database: location, random: SystemRandom(), clock: clock)
    try opened.close()
    try output.write(ClockReport(time: clock.now()))
  }
}

private struct BackupReport: Report {
  let center: String
  let file: String
  let folder: String?
  let replaced: String?
  let records: Int64
  let rows: Int
  let head: String

  init(_ contents: BackupContents, file: String, folder: String?, replaced: String?) {
    center = contents.centerID.description
    self.file = file
    self.folder = folder
    self.replaced = replaced
    records = contents.head.head.sequence
    rows = contents.rows
    head = Hex.encode(contents.head.head.hash)
  }

  var text: String {
    var fields = [("Centre", center), ("Backup", file)]
    if let folder { fields.append(("Folder", folder)) }
    if let replaced { fields.append(("Replaced", replaced)) }
    return Columns.fields(fields + [("Records", "\(records)"), ("Rows", "\(rows)"), ("Head", head)])
  }
}

private struct ClockReport: Report {
  let time: UInt64

  var text: String { "The centre goes on at \(Words.time(time)).\n" }
}
