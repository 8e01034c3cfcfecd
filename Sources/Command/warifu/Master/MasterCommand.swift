import ArgumentParser
import CardDriver
import CopyLicensing
import Foundation
import LicenseCenter

/// The noun `master`.
struct MasterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "master", abstract: "The master disc: an ISO 9660 image with sealed titles.",
    subcommands: [MasterPressCommand.self, MasterList.self])
}

/// `master list`.
struct MasterList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the titles of a master disc, after checking its catalogue's signature.",
    discussion: """
      The signature is checked by the certificates of an issued card, or of a centre's folder.

      Example:
        warifu master list master.iso --card-file alice.card
      """)

  @Argument(help: "The master disc's image or device.")
  var image: String

  @OptionGroup var card: CardOptions
  @OptionGroup var center: CenterFolderOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let master = try LicensedMaster.insert(image, anchor: try anchor())
    try output.write(MasterReport(master.catalogue, image: image))
  }

  private func anchor() throws -> TrustAnchor {
    let time = SystemClock().now()
    guard center.namesCenter, !card.isGiven else {
      guard card.namesCard else {
        throw Failure(
          .usage, "nothing says whose signature is good", remedy: "give --card-file, or --center")
      }
      return try TrustAnchor(card: try card.open(), time: time).believing(center.authorities)
    }
    let facts = try center.folder().facts()
    return try TrustAnchor(authority: facts.authorityCertificate, license: facts.licenseCertificate, time: time)
      .believing(center.authorities)
  }
}
