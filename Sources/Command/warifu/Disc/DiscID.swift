import ArgumentParser
import DiscDriver
import Identifiers

/// `disc id`.
struct DiscID: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "id", abstract: "Show a medium's id, where it comes from and what it is worth.",
    discussion: """
      The medium may be a disc's image, the disc in a drive, or an SD card in its slot. Changes nothing, and does not \
      start a drive that stands still.

      Example:
        warifu disc id /dev/sg1
      """)

  @Argument(help: "An image, a drive's device, or an SD card's.")
  var medium: String

  @Flag(help: "Print what a device rule imports: WARIFU_MEDIUM_ID and its companions.")
  var udev = false

  @OptionGroup var output: OutputOptions

  func run() async throws {
    let report = IdentityReport(try identity())
    if udev { print(report.properties) } else { try output.write(report) }
  }

  private func identity() throws -> MediumIdentity {
    if let card = SDCard.identity(of: medium) { return card }
    guard DeviceFile.isNamed(by: medium) else {
      return try DiscInDrive(medium, readOnly: true).session.mediumIdentity()
    }
    // A rule holds up the device it is for: no drive is waited for long.
    let transport = try DiscInDrive.transport(to: medium, timeout: .seconds(udev ? 10 : 60))
    return try DriveSession(transport, startsMedium: false).mediumIdentity()
  }
}

/// A medium's id, and what it is worth.
struct IdentityReport: Report {
  let mediumID: String
  let source: String
  let strength: String

  init(_ identity: MediumIdentity) {
    mediumID = identity.id.description
    source = identity.source.rawValue
    strength = identity.strength.rawValue
  }

  var text: String { Columns.fields([("Medium id", mediumID), ("Source", source), ("Strength", strength)]) }

  /// As udev reads it (IMPORT{program}, udev(7)): the id has letters, digits and a hyphen only, whatever the medium says,
  /// so that it can be a file's name as it is.
  var properties: String {
    """
    WARIFU_MEDIUM_ID=\(mediumID)
    WARIFU_MEDIUM_SOURCE=\(source.replacing(" ", with: "_"))
    WARIFU_MEDIUM_STRENGTH=\(strength)
    """
  }
}
