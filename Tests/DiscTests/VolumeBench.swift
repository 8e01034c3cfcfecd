import Cryptography
import DiscDriver
import DiscEmulator
import DriveFirmware
import Identifiers
import Octets
import SCSI
import Testing

/// Discs in memory and drives to read them with.
enum VolumeBench {
  /// Software ids 0, 1, 2, ...
  static func software(_ number: UInt8) throws -> SoftwareID {
    try #require(SoftwareID(octets: [UInt8](repeating: number, count: 16)))
  }

  /// A disc of zeros whose medium id is made of `id`.
  static func blank(_ geometry: MediumGeometry = .mb128, id: UInt8 = 1) throws -> MemoryDisc {
    let record = try #require(FactoryRecord(mediumID: [UInt8](repeating: id, count: 16), manufactured: 0))
    return MemoryDisc(geometry: geometry, factoryRecord: record)
  }

  /// A session with a medium in a drive just switched on.
  static func session(_ medium: any Medium) throws(DiscError) -> DriveSession {
    try DriveSession(EmulatedDrive(medium: medium))
  }

  /// A volume made with 2 MiB for general use; another id than the last one's when it replaces that.
  @discardableResult
  static func format(_ disc: any Medium, replacing: Bool = false) throws(DiscError) -> LicensedVolume {
    try LicensedVolume.format(
      try session(disc), generalUse: 2 << 20, replacing: replacing, random: SeededRandom(seed: replacing ? 8 : 7))
  }

  /// Opens the volume of a disc in a drive just switched on.
  static func open(_ disc: any Medium) throws(DiscError) -> LicensedVolume {
    try LicensedVolume(opening: try session(disc))
  }

  /// Installs a title in pieces of `piece` octets.
  static func install(
    _ octets: [UInt8], as softwareID: SoftwareID, on volume: LicensedVolume, piece: Int = 1 << 20,
    information: [UInt8] = []
  ) throws {
    var writer = try volume.install(title: softwareID, length: UInt64(octets.count), information: information)
    try octets.withUnsafeBytes { all in
      for start in stride(from: 0, to: all.count, by: piece) {
        try writer.write(UnsafeRawBufferPointer(rebasing: all[start..<min(start + piece, all.count)]))
      }
    }
    try writer.commit()
  }

  /// All of a title's software.
  static func software(of title: InstalledTitle, on volume: LicensedVolume) throws(DiscError) -> [UInt8] {
    let reader = try volume.open(title: title.softwareID)
    try reader.verify()
    return try read(reader, at: 0, count: Int(title.length))
  }

  /// A range of a title's software.
  static func read(_ reader: TitleReader, at offset: UInt64, count: Int) throws(DiscError) -> [UInt8] {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
    defer { buffer.deallocate() }
    let done = try reader.read(at: offset, into: buffer)
    return Array(buffer[..<done])
  }

  /// What a test did, if it failed as it should.
  static func error(_ body: () throws -> Void) -> DiscError? {
    do {
      try body()
      return nil
    } catch {
      return error as? DiscError
    }
  }
}

/// Everything that a licensed volume holds, for comparing.
struct VolumeState: Equatable {
  var licences: [SoftwareID: [UInt8]] = [:]
  var titles: [SoftwareID: [UInt8]] = [:]

  init() {}

  /// The state of a disc as somebody finds it who has just switched the drive on; `nil` if there is no volume.
  init?(of disc: any Medium) throws(DiscError) {
    let volume: LicensedVolume
    do {
      volume = try VolumeBench.open(disc)
    } catch {
      guard error.code == .unformatted else { throw error }
      return nil
    }
    for licence in volume.licences { licences[licence.softwareID] = licence.octets }
    for title in try volume.titles() { titles[title.softwareID] = try VolumeBench.software(of: title, on: volume) }
  }
}
