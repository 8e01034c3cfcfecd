import ArgumentParser
import Cryptography
import DiscDriver

/// `disc format`.
struct DiscFormat: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "format", abstract: "Make a partition for general use and a licensed volume on a disc.",
    discussion: """
      A disc that is not empty is refused without --replace. With it everything on the disc is given up, but for what \
      lies in the partition for general use if that keeps its size. The medium id stays: no command can change it.

      Example:
        warifu disc format --disc disc.img --general-use 64
      """)

  @OptionGroup var room: GeneralUseOption

  @Flag(help: "Give up what is on the disc.")
  var replace = false

  @OptionGroup var disc: DiscOptions
  @OptionGroup var confirmation: DiscConfirmation
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let octets = try room.octets()
    let inDrive = try disc.insert(readOnly: false)
    if replace {
      let id = try inDrive.session.mediumIdentity().id
      try confirmation.confirm("All licences and titles on this disc are given up for ever", for: id)
    }
    let volume: LicensedVolume
    do {
      volume = try LicensedVolume.format(
        inDrive.session, generalUse: octets, replacing: replace, random: SystemRandom())
    } catch  where error.code == .notEmpty {
      throw Failure(
        .failed, "there is something on the disc", remedy: "see 'warifu disc list'; --replace gives it up for ever")
    }
    try output.write(try DiscReport(inDrive, volume))
  }
}

/// How much of a disc is for general use.
struct GeneralUseOption: ParsableArguments {
  @Option(help: ArgumentHelp("MiB for general use; without it a quarter of the disc.", valueName: "mib"))
  var generalUse: UInt64?

  /// In octets; `nil` if nothing was said.
  func octets() throws -> UInt64? {
    if let generalUse, generalUse == 0 || generalUse > 1 << 20 {
      throw Failure(
        .usage, "a disc has no \(generalUse) MiB for general use", remedy: "give 1 or more, and fewer than it has")
    }
    return generalUse.map { $0 << 20 }
  }
}
