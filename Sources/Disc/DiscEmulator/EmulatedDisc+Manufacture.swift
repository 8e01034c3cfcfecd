import CLinux
import DriveFirmware
import Glibc
import Identifiers
import Octets
import SCSI

extension EmulatedDisc {
  /// Octets of a medium id that is drawn by lot.
  public static let randomMediumIDOctets = 16

  /// Makes a new disc, all zeros, with the given medium id, and opens it.
  ///
  /// The image appears under its name complete or not at all. It is sparse: a fresh disc takes a few pages.
  ///
  /// - Parameters:
  ///   - path: where; nothing may be there yet.
  ///   - geometry: the disc's layout.
  ///   - mediumID: its id for ever, 4 to 64 octets and a multiple of 4.
  ///   - manufactured: when, in seconds since 1970.
  ///   - signature: the factory's signature over the record, at most 256 octets; empty for none.
  ///   - protection: blocks that must not be written from the first day on.
  ///   - profile: with an embossed part, some logical tracks in the middle of the disc can only be read, for ever. Their
  ///     first block is a `MediumIDSector`.
  ///   - embossing: what lies in the embossed blocks behind that one, of such a disc; zeros if nothing.
  @discardableResult
  public static func manufacture(
    at path: String, geometry: MediumGeometry, mediumID: MediumID, manufactured: UInt64, signature: [UInt8] = [],
    protection: WriteProtection = WriteProtection(), profile: MediumProfile = .rewritable, embossing: [UInt8] = []
  ) throws(DiscImageError) -> EmulatedDisc {
    guard let record = FactoryRecord(mediumID: mediumID.octets, manufactured: manufactured, signature: signature) else {
      throw DiscImageError(
        .invalidParameter, path, "a medium id has 4 to 64 octets, a multiple of 4, and a signature at most 256",
        remedy: "give an id of 16 octets")
    }
    try ImageHeader.require(protection, geometry, path)
    let embossed = try emboss(profile, geometry, record, embossing, path)
    let header = ImageHeader(
      geometry: geometry, protection: protection, embossed: embossed?.range, generation: 1)
    let defects = DefectArea(geometry, generation: 1).octets()
    do throws(SyscallFailure) {
      try publish(path) { (file) throws(SyscallFailure) in
        try file.resize(ImageLayout(geometry: geometry).fileOctets)
        for offset in ImageLayout.headerOffsets { try file.write(at: offset, header.page()) }
        for offset in ImageLayout.factoryOffsets { try file.write(at: offset, record.page()) }
        for offset in ImageLayout.defectAreaOffsets { try file.write(at: offset, defects) }
        if let embossed {
          let start = embossed.range.first * UInt64(geometry.blockSize)
          try file.write(at: ImageLayout.dataOffset + start, embossed.octets)
        }
      }
    } catch {
      throw .syscall(error, path)
    }
    return try EmulatedDisc(openingAt: path)
  }

  /// Makes a new disc with an id drawn by lot, 16 octets that `random` fills in.
  @discardableResult
  public static func manufacture(
    at path: String, geometry: MediumGeometry, manufactured: UInt64, signature: [UInt8] = [],
    protection: WriteProtection = WriteProtection(), profile: MediumProfile = .rewritable, embossing: [UInt8] = [],
    random: (UnsafeMutableRawBufferPointer) -> Void
  ) throws(DiscImageError) -> EmulatedDisc {
    var octets = [UInt8](repeating: 0, count: randomMediumIDOctets)
    octets.withUnsafeMutableBytes { random($0) }
    guard let mediumID = MediumID(octets: octets) else {
      throw DiscImageError(.invalidParameter, path, "no medium id was drawn", remedy: "give one")
    }
    return try manufacture(
      at: path, geometry: geometry, mediumID: mediumID, manufactured: manufactured, signature: signature,
      protection: protection, profile: profile, embossing: embossing)
  }

  /// What is to be embossed; `nil` for nothing.
  private static func emboss(
    _ profile: MediumProfile, _ geometry: MediumGeometry, _ record: FactoryRecord, _ content: [UInt8], _ path: String
  ) throws(DiscImageError) -> Embossing? {
    guard profile == .partlyEmbossed else {
      guard content.isEmpty else {
        throw DiscImageError(
          .invalidParameter, path, "a rewritable disc has no embossed part for these octets",
          remedy: "make a partly embossed disc, or leave them away")
      }
      return nil
    }
    guard let embossing = Embossing(geometry, record, content: content) else {
      throw DiscImageError(
        .invalidParameter, path, "what is to be embossed is too long for this disc",
        remedy: "emboss less than half of the disc's \(geometry.userOctets) octets")
    }
    return embossing
  }

  /// Writes a file under another name, makes it lasting, and gives it its name unless that is taken.
  private static func publish(
    _ path: String, _ write: (ImageFile) throws(SyscallFailure) -> Void
  ) throws(SyscallFailure) {
    let (temporary, file) = try createBeside(path)
    do throws(SyscallFailure) {
      try write(file)
      try file.synchronize()
      guard warifu_rename_new(temporary, path) == 0 else { throw .last("renameat2") }
    } catch {
      unlink(temporary)
      throw error
    }
    try ImageFile.synchronizeFolder(of: path)
  }

  /// A new file in the folder of `path`, under a name that nothing else has.
  private static func createBeside(_ path: String) throws(SyscallFailure) -> (String, ImageFile) {
    var number = 0
    while true {
      let name = "\(path).new\(number)"
      do throws(SyscallFailure) {
        return (name, try ImageFile.create(name))
      } catch {
        guard error.number == EEXIST, number < 1000 else { throw error }
        number += 1
      }
    }
  }
}
