import ArgumentParser
import DiscDriver
import DiscEmulator
import Identifiers
import SCSI

/// `disc info`.
struct DiscInfo: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info", abstract: "Show what disc it is: its medium id, its size, its licensed volume.",
    discussion: """
      Changes nothing.

      Example:
        warifu disc info --disc disc.img
      """)

  @OptionGroup var disc: DiscOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let disc = try disc.insert(readOnly: true)
    do {
      try output.write(try DiscReport(disc, try disc.volume()))
    } catch let error as DiscError where error.code == .unformatted {
      try output.write(try DiscReport(disc, nil))
    }
  }
}

/// What there is to know of a disc.
struct DiscReport: Report {
  let image: String
  let megabytes: Int?
  let mediumID: String
  let blockSize: UInt32
  let blocks: UInt64
  /// Where the blocks begin in the image.
  let dataOffset: UInt64
  let generalUseOctets: UInt64?
  let freeOctets: UInt64?
  let licences: Int?
  let isForeign: Bool

  init(_ disc: DiscInDrive, _ volume: LicensedVolume?) throws {
    image = disc.disc.path
    megabytes = disc.disc.kind?.rawValue
    mediumID = try disc.session.mediumIdentity().id.description
    blockSize = disc.session.capacity.blockSize
    blocks = disc.session.capacity.blockCount
    dataOffset = EmulatedDisc.dataOffset
    generalUseOctets = volume.map { UInt64($0.generalUse.count) * UInt64(disc.session.blockSize) }
    freeOctets = try volume?.freeOctets()
    licences = volume?.licences.count
    isForeign = volume?.isForeign ?? false
  }

  var text: String {
    var fields = [
      ("Disc", image), ("Kind", megabytes.map { "\($0) MB" } ?? "unknown"), ("Medium id", mediumID),
      ("Blocks", "\(blocks) of \(blockSize) octets"),
    ]
    if let generalUseOctets, let freeOctets, let licences {
      fields += [
        ("General use", Words.size(generalUseOctets)), ("Free for titles", Words.size(freeOctets)),
        ("Licences", "\(licences)"),
      ]
    } else {
      fields.append(("Volume", "none"))
    }
    if isForeign { fields.append(("Beware", "the volume was made on another disc and copied here")) }
    return Columns.fields(fields)
  }
}
