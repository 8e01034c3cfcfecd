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
  /// The image, if the disc is emulated.
  let image: String?
  /// The device of the drive that the disc is in, if it is real.
  let device: String?
  /// Vendor, product and revision of that drive.
  let drive: String?
  let megabytes: Int?
  let mediumID: String
  /// Where the id comes from, and what it is worth.
  let mediumIDSource: String
  let mediumIDStrength: String
  let blockSize: UInt32
  let blocks: UInt64
  /// Where the blocks begin in the image.
  let dataOffset: UInt64?
  let generalUseOctets: UInt64?
  let freeOctets: UInt64?
  let licences: Int?
  /// The copy that was interrupted and can go on, if there is one.
  let unfinishedCopy: Unfinished?
  let isForeign: Bool

  /// A copy that was interrupted.
  struct Unfinished: Encodable {
    let softwareID: String
    let writtenOctets: UInt64
    let octets: UInt64
  }

  init(_ disc: DiscInDrive, _ volume: LicensedVolume?) throws {
    image = disc.image?.path
    device = disc.image == nil ? disc.path : nil
    drive = disc.image == nil ? disc.session.inquiry.name : nil
    megabytes = disc.image?.kind?.rawValue
    let identity = IdentityReport(try disc.session.mediumIdentity())
    mediumID = identity.mediumID
    mediumIDSource = identity.source
    mediumIDStrength = identity.strength
    blockSize = disc.session.capacity.blockSize
    blocks = disc.session.capacity.blockCount
    dataOffset = disc.image == nil ? nil : EmulatedDisc.dataOffset
    generalUseOctets = volume.map { UInt64($0.generalUse.count) * UInt64(disc.session.blockSize) }
    // Where the list of titles cannot be read, everything else is shown.
    freeOctets = try? volume?.freeOctets()
    licences = volume?.licences.count
    unfinishedCopy = try? volume?.unfinishedCopies().first.map {
      Unfinished(softwareID: $0.softwareID.description, writtenOctets: $0.written, octets: $0.length)
    }
    isForeign = volume?.isForeign ?? false
  }

  var text: String {
    var fields: [(String, String)] = []
    if let image { fields += [("Disc", image), ("Kind", megabytes.map { "\($0) MB" } ?? "unknown")] }
    if let device, let drive { fields += [("Disc in", device), ("Drive", drive)] }
    fields += [
      ("Medium id", mediumID), ("Id", "\(mediumIDStrength), by \(mediumIDSource)"),
      ("Blocks", "\(blocks) of \(blockSize) octets"),
    ]
    if let generalUseOctets, let licences {
      fields += [
        ("General use", Words.size(generalUseOctets)),
        ("Free for titles", freeOctets.map(Words.size) ?? "unknown, see 'warifu disc check'"),
        ("Licences", "\(licences)"),
      ]
    } else {
      fields.append(("Volume", "none"))
    }
    if let unfinishedCopy {
      let sizes = [unfinishedCopy.writtenOctets, unfinishedCopy.octets].map(Words.size)
      fields += [("Unfinished", unfinishedCopy.softwareID), ("", "\(sizes[0]) of \(sizes[1]); 'copy title' goes on")]
    }
    if isForeign { fields.append(("Beware", "the volume was made on another disc and copied here")) }
    return Columns.fields(fields)
  }
}

extension InquiryData {
  /// What people know the drive by: vendor, product, revision.
  var name: String { [vendor, product, revision].map(\.description).filter { !$0.isEmpty }.joined(separator: " ") }
}
