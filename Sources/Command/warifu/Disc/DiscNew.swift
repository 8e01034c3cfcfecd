import ArgumentParser
import Cryptography
import DiscDriver
import DiscEmulator
import DriveFirmware
import Foundation
import LicenseCenter

/// `disc new`.
struct DiscNew: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "new", abstract: "Make a disc with a medium id of its own, and format it.",
    discussion: """
      The disc gets a partition for general use, yours to format, and the licensed volume. No command can change its \
      medium id.

      Example:
        warifu disc new disc.img --geometry 128
      """)

  @Argument(help: "The image to make.")
  var image: String

  @Option(help: ArgumentHelp("The megabytes on its shell.", valueName: "mb"))
  var geometry: DiscKind = .mb128

  @Flag(name: .customLong("p-rom"), help: "Emboss the medium id in mid-disc too, for drives that can only read there.")
  var isPartlyEmbossed = false

  @OptionGroup var room: GeneralUseOption
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let random = SystemRandom()
    let generalUse = try room.octets()
    let disc = try EmulatedDisc.manufacture(
      at: image, geometry: geometry.geometry, manufactured: SystemClock().now(),
      profile: isPartlyEmbossed ? .partlyEmbossed : .rewritable, random: random.fill)
    do {
      let inDrive = try DiscInDrive(disc)
      let volume = try LicensedVolume.format(inDrive.session, generalUse: generalUse, random: random)
      try output.write(try DiscReport(inDrive, volume))
    } catch {
      unlink(image)
      throw error
    }
  }
}

extension DiscKind: ExpressibleByArgument {}
