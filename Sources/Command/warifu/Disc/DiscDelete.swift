import ArgumentParser
import DiscDriver
import Identifiers

/// `disc delete`.
struct DiscDelete: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "delete", abstract: "Take a title's software, or its licence, off a disc.",
    discussion: """
      Software can be copied again as long as its licence is there. A licence is gone for ever, but for what 'disc \
      license --save' kept of it.

      Example:
        warifu disc delete --title OpenSSL --disc disc.img
      """)

  /// What of a title.
  enum Part: String, ExpressibleByArgument, CaseIterable {
    case software
    case license
    case both
  }

  @Option(help: "Software id, or unique name, of the title.")
  var title: TitleChoice

  @Option(help: "What to take off.")
  var part: Part = .software

  @OptionGroup var disc: DiscOptions
  @OptionGroup var confirmation: DiscConfirmation
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let volume = try disc.insert(readOnly: false).volume()
    let softwareID = try title.resolve(among: try volume.namedTitles(), in: "the disc")
    let hasSoftware = try volume.titles().contains { $0.softwareID == softwareID }
    let hasLicence = volume.licence(for: softwareID) != nil
    guard part == .license || hasSoftware, part == .software || hasLicence else {
      throw Failure(
        .badInput, "there is no \(part == .software || !hasSoftware ? "software" : "licence") of \(softwareID)",
        remedy: "see 'warifu disc list'")
    }
    try confirmation.confirm("\(consequence) of \(softwareID) will be deleted", for: volume.identity.id)
    if part != .license { try volume.delete(title: softwareID) }
    if part != .software { try volume.removeLicence(for: softwareID) }
    try output.write(
      DeleteReport(
        softwareID: softwareID.description, software: part != .license, licence: part != .software,
        freeOctets: try volume.freeOctets()))
  }

  private var consequence: String {
    switch part {
    case .software: "The software"
    case .license: "The licence"
    case .both: "All"
    }
  }
}

private struct DeleteReport: Report {
  let softwareID: String
  let software: Bool
  let licence: Bool
  let freeOctets: UInt64

  var text: String {
    let parts = [software ? "software" : nil, licence ? "licence" : nil].compactMap(\.self).joined(separator: " and ")
    return Columns.fields([("Deleted", parts), ("Title", softwareID), ("Free for titles", Words.size(freeOctets))])
  }
}
