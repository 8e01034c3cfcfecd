import ArgumentParser
import Cryptography
import Formats
import Foundation
import LicenseCenter
import Octets

/// The noun `center`.
struct CenterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "center", abstract: "The licence centre: a folder with keys, database and certificates.",
    subcommands: [
      CenterInit.self, CenterInfo.self, CenterServe.self, CenterVerify.self, CenterAudit.self, CenterTitle.self,
      CenterSignIn.self, CenterCard.self, CenterStatement.self, CenterNotices.self, CenterProvide.self,
      CenterRecover.self, CenterRetire.self, CenterRefund.self, CenterGiveUp.self, CenterPayback.self,
      CenterPayments.self, CenterClients.self,
      CenterWebhooks.self, CenterDrive.self, CenterKeys.self, CenterBackup.self, CenterRestore.self, CenterDoctor.self,
      CenterAcceptClock.self,
    ])
}

/// `center init`.
struct CenterInit: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Make a centre with new keys.",
    discussion: """
      The folder appears complete or not at all. Its keys are sealed under the passphrase: whoever loses it loses the \
      centre.

      The database is a file in the folder, unless --database names one on a PostgreSQL server, which must be empty. Its \
      URL is remembered in the folder, its password is not.

      Example:
        warifu center init center --name "Corner Shop" --passphrase file:passphrase
        warifu center init center --name "Corner Shop" \\
          --passphrase file:passphrase \\
          --database postgres://warifu@db.example/center
      """)

  @Argument(help: "The folder to make.")
  var folder: String

  @Option(help: "The centre's name, as it stands in its certificates.")
  var name: String

  @OptionGroup var passphrase: PassphraseOptions
  @OptionGroup var database: DatabaseOptions
  @OptionGroup var output: OutputOptions

  /// The most octets of a name: certificates hold 64 (X.520, ub-common-name), with a role behind it.
  private static let nameLimit = 53

  func run() async throws {
    try ProcessSecrecy.begin()
    try checkName()
    try NewPath.checkFolder(of: folder)
    let location = try database.location()
    let remembered = try database.remembered()
    let secret = try passphrase.read(confirming: true)
    let made = try await CenterFolder.create(
      at: folder, name: name, passphrase: secret, database: location, random: SystemRandom(), clock: SystemClock())
    if let remembered { try made.keep(CenterSettings(database: remembered)) }
    try output.write(CenterReport(try made.facts(), folder: folder))
  }
}

extension CenterInit {
  private func checkName() throws {
    guard (1...CenterInit.nameLimit).contains(name.utf8.count) else {
      throw Failure(
        .badInput, "a centre cannot have this name",
        remedy: "give 1 to \(CenterInit.nameLimit) octets; this has \(name.utf8.count)")
    }
    guard !Failure.hasControls(name) else {
      throw Failure(.badInput, "a centre cannot have this name", remedy: "leave out its control characters")
    }
  }
}

/// `center info`.
struct CenterInfo: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info", abstract: "Show what anybody may know of a centre.",
    discussion: """
      Needs no passphrase.

      Example:
        warifu center info --center center
      """)

  @OptionGroup var center: CenterFolderOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let folder = try center.folder()
    try output.write(CenterReport(try folder.facts(), folder: folder.path))
  }
}

/// `center verify`.
struct CenterVerify: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Check ledger and audit log from their first record on.",
    discussion: """
      The log is held against every head of it that the centre signed and keeps in audit.heads, beside the database. \
      Whoever keeps a copy of that file elsewhere and gives it with --heads notices even a folder that was written anew \
      as a whole.

      Example:
        warifu center verify --center center --passphrase file:passphrase
      """)

  @Option(help: ArgumentHelp("A copy of audit.heads that was kept elsewhere.", valueName: "file"))
  var heads: String?

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let kept = try keptHeads()
    let head = try await center.use { try await $0.verify(against: kept) }
    try output.write(AuditReport(records: head.sequence, head: Hex.encode(head.hash)))
  }
}

extension CenterVerify {
  private func keptHeads() throws -> [SignedAuditHead] {
    guard let heads else { return [] }
    guard let text = try? String(contentsOfFile: heads, encoding: .utf8) else {
      throw Failure(.badInput, "cannot read \(heads)", remedy: "give a copy of the centre's audit.heads")
    }
    let kept = text.split(separator: "\n").compactMap { SignedAuditHead(line: $0) }
    guard !kept.isEmpty else {
      throw Failure(.badInput, "there is no signed head in \(heads)", remedy: "give a copy of the centre's audit.heads")
    }
    return kept
  }
}

/// What anybody may know of a centre.
private struct CenterReport: Report {
  let folder: String
  let center: String
  let name: String
  let createdAt: UInt64
  let authority: String

  init(_ facts: CenterFacts, folder: String) throws {
    self.folder = folder
    center = facts.centerID.description
    name = facts.name
    createdAt = facts.createdAt
    authority = Hex.encode(Digest.sha256(facts.authorityCertificate))
  }

  var text: String {
    Columns.fields([
      ("Centre", name), ("Id", center), ("Folder", folder), ("Made", Words.time(createdAt)),
      ("Authority", "SHA-256 " + authority.prefix(32)), ("", "        " + authority.suffix(32)),
    ])
  }
}

private struct AuditReport: Report {
  let records: Int64
  let head: String

  var text: String {
    "Ledger and audit log are sound.\n" + Columns.fields([("Records", "\(records)"), ("Head", head)])
  }
}
