import ArgumentParser
import CardDriver
import CardProtocol
import CopyLicensing
import DiscDriver
import LicenseCenter

/// The noun `copy`.
struct CopyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "copy", abstract: "Copying a title from a master disc: license, certify, copy.",
    subcommands: [CopyLicenseCommand.self, CopyInstall.self, CopyCertify.self, CopyTitle.self])
}

/// The disc and the card that a copy is for.
struct CopyOptions: ParsableArguments {
  @Option(help: "Software id, or unique name, of the title.")
  var title: TitleChoice

  @OptionGroup var disc: DiscOptions
  @OptionGroup var card: CardOptions

  /// Disc and card together; the card says whose licences are good.
  func session(readOnly: Bool) throws -> CopySession {
    try CopySession.begin(disc: disc, card: card, readOnly: readOnly)
  }
}

extension CopySession {
  /// Disc and card together; the card says whose licences are good.
  static func begin(disc: DiscOptions, card: CardOptions, readOnly: Bool) throws -> CopySession {
    let volume = try disc.insert(readOnly: readOnly).volume()
    let card = try card.open()
    try card.checkIsIssued()
    return try CopySession(
      volume: volume, card: card, anchor: try TrustAnchor(card: card, time: SystemClock().now()))
  }
}
