import ArgumentParser
import Formats
import Identifiers
import LicenseCenter

/// The noun `center title`.
struct CenterTitle: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "title", abstract: "The titles that a centre licenses.",
    subcommands: [CenterTitleAdd.self, CenterTitleList.self, CenterTitlePublish.self])
}

/// `center title add`.
struct CenterTitleAdd: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add", abstract: "Register a title; the centre makes its software id and content key.",
    discussion: """
      'master press' registers new titles by itself. Do it before when codes are sold before the disc is pressed.

      Example:
        warifu center title add --name OpenSSL --type program --price "5.00 EUR" \\
          --center center --passphrase file:passphrase
      """)

  @Option(help: "The title's name.")
  var name: String

  @Option(help: "What it is.")
  var type: TitleType

  @Option(help: "What a licence or a code for it costs, such as \"5.00 EUR\".")
  var price: Money

  @Option(name: .customLong("title-version"), help: "Its version.")
  var titleVersion = "1.0"

  @Option(help: "How it is copied, for all its life: by certificate code or by conversion keys.")
  var profile = CopyProfile.certificate

  @Option(help: "Whose account earns the price; without it the centre itself.")
  var seller: String?

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let title = try await center.use { center in
      if let namesake = try await center.titles.titles().first(where: { $0.name == name && $0.version == titleVersion })
      {
        throw namesake.isThereAlready(remedy: "use \(namesake.softwareID), or give another --title-version")
      }
      return try await center.titles.register(
        name: name, version: titleVersion, type: type, seller: seller ?? center.facts.name, price: price,
        profile: profile)
    }
    try output.write(TitleReport(title))
  }
}

/// `center title list`.
struct CenterTitleList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the titles.",
    discussion: """
      Example:
        warifu center title list --center center --passphrase file:passphrase
      """)

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let titles = try await center.use { try await $0.titles.titles() }
    try output.write(TitleListReport(titles: titles.map(TitleReport.init)))
  }
}

extension TitleRecord {
  /// The refusal of a second title that nobody could tell from this one.
  func isThereAlready(remedy: String) -> Failure {
    Failure(.failed, "the centre has a title '\(name)' of version \(version) already", remedy: remedy)
  }
}

extension TitleType: ExpressibleByArgument {}

extension Money: ExpressibleByArgument {
  /// An amount as in "5.00 EUR".
  public init?(argument: String) { self.init(argument) }
}

/// One title at a centre.
struct TitleReport: Report {
  let softwareID: String
  let name: String
  let titleVersion: String
  let type: String
  let seller: String
  let price: String
  let profile: String
  let pressedAt: UInt64?
  private let kind: CopyProfile

  private enum CodingKeys: CodingKey {
    case softwareID, name, titleVersion, type, seller, price, profile, pressedAt
  }

  init(_ title: TitleRecord) {
    softwareID = title.softwareID.description
    name = title.name
    titleVersion = title.version
    type = title.type.rawValue
    seller = title.seller
    price = title.price.description
    profile = title.profile.rawValue
    pressedAt = title.pressedAt
    kind = title.profile
  }

  var text: String {
    Columns.fields([
      ("Title", "\(name) \(titleVersion)"), ("Software id", softwareID), ("Type", type), ("Price", price),
      ("Seller", seller), ("Copied", kind.words), ("Pressed", pressedAt.map(Words.time) ?? "not yet"),
    ])
  }
}

private struct TitleListReport: Report {
  let titles: [TitleReport]

  var text: String {
    guard !titles.isEmpty else { return "No titles.\n" }
    return Columns.table(
      ["SOFTWARE ID", "TYPE", "PRICE", "COPIED BY", "TITLE"],
      titles.map { [$0.softwareID, $0.type, $0.price, $0.profile, "\($0.name) \($0.titleVersion)"] })
  }
}
