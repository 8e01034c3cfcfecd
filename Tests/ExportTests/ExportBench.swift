import DiscEmulator
import DriveFirmware
import DriveRig
import Foundation
import Identifiers
import SCSI
import Testing
import TestSupport

/// A folder with a disc, and what is done to it.
struct ExportBench {
  /// The id of every disc here.
  static let mediumID: [UInt8] = Array("EXPORTED MEDIUM!".utf8)
  /// Blocks that must not be written, on discs made with protection.
  static let protected = BlockRange(first: 1_000, count: 16)

  let folder: PrivateFolder
  let geometry: MediumGeometry

  /// Makes a disc, `disc.img`.
  init(_ kind: DiscKind = .mb128, protection: WriteProtection = WriteProtection()) throws {
    folder = try PrivateFolder()
    geometry = kind.geometry
    let mediumID = try #require(MediumID(octets: ExportBench.mediumID))
    try EmulatedDisc.manufacture(
      at: folder("disc.img"), geometry: geometry, mediumID: mediumID, manufactured: 1_700_000_000,
      signature: [1, 2, 3], protection: protection)
  }

  /// A bench whose disc has a protected range.
  static func withProtectedRange(_ kind: DiscKind = .mb128) throws -> ExportBench {
    try ExportBench(kind, protection: WriteProtection(ranges: [protected]))
  }

  /// An nbdkit that serves the disc.
  func serve(_ parameters: String..., options: [String] = []) throws -> NBDServer {
    try NBDServer(["disc=disc.img"] + parameters, options: options, in: folder)
  }

  /// What lies before the blocks in the image.
  func recordsOfImage() throws -> Data { try folder.octets(of: "disc.img").prefix(Int(EmulatedDisc.dataOffset)) }

  /// Both copies of the factory record.
  func factoryRecord() throws -> Data { try folder.octets(of: "disc.img")[8_192..<16_384] }

  /// The blocks as they lie in the image.
  func blocks() throws -> Data {
    let start = Int(EmulatedDisc.dataOffset)
    return try folder.octets(of: "disc.img")[start..<(start + Int(geometry.userOctets))]
  }

  /// Makes a file as long as the disc, each of its pieces another.
  func writePattern(to name: String) throws {
    var random = Randomness(seed: 7)
    let piece = random.octets(count: 65_521)
    var octets = Data(capacity: Int(geometry.userOctets))
    var number: UInt64 = 0
    while octets.count < Int(geometry.userOctets) {
      withUnsafeBytes(of: number.bigEndian) { octets.append(contentsOf: $0) }
      octets.append(contentsOf: piece.prefix(Int(geometry.userOctets) - octets.count))
      number += 1
    }
    try folder.write(octets.prefix(Int(geometry.userOctets)), to: name)
  }

  /// Runs a program that must succeed.
  @discardableResult
  func succeed(_ words: String..., input: String = "") throws -> ProgramOutcome {
    try ForeignProgram.succeed(words, in: folder, input: Data(input.utf8))
  }

  /// Runs a program.
  func run(_ words: String..., environment: [String: String] = [:]) throws -> ProgramOutcome {
    try ForeignProgram.run(words, in: folder, environment: environment)
  }
}
