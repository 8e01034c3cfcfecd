import ArgumentParser
import Formats
import Identifiers
import LicenseCenter

/// `center title publish`.
struct CenterTitlePublish: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "publish", abstract: "Put a title's file up for download by those who have codes.",
    discussion: """
      The centre keeps a sealed copy. Published again, the new file is what codes buy from then on; downloads under \
      way go on with the one that they began with.

      Example:
        warifu center title publish openssl.tar --title OpenSSL \\
          --center center --passphrase file:passphrase
      """)

  @Argument(help: "The file, in clear.")
  var file: String

  @Option(help: ArgumentHelp("Software id, or unique name, of the title.", valueName: "title"))
  var title: TitleChoice

  @Option(help: ArgumentHelp("Permit whoever redeemed a code to hand on so many copies.", valueName: "number"))
  var copies: Int?

  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let published = try await center.use { center in
      let titles = try await center.titles.titles().map(NamedTitle.init)
      let softwareID = try title.resolve(among: titles, in: "the centre")
      if let copies { try await center.copyRights.permit(copies, of: softwareID) }
      let published = try await center.titleStore.publish(softwareID, from: file)
      try await center.titleStore.removeOutdated()
      return published
    }
    try output.write(PublishedReport(published))
  }
}

private struct PublishedReport: Report {
  let softwareID: String
  let octets: UInt64
  let publishedAt: UInt64

  init(_ title: PublishedTitle) {
    softwareID = title.softwareID.description
    octets = title.octets
    publishedAt = title.publishedAt
  }

  var text: String {
    Columns.fields([
      ("Software id", softwareID), ("Sealed file", Words.size(octets)), ("Published", Words.time(publishedAt)),
    ])
  }
}
