import ArgumentParser
import Cryptography
import DiscDriver
import DiscEmulator
import DriveFirmware
import Foundation
import Octets
import SCSI

/// Which disc.
struct DiscOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The disc: an image, or a drive as /dev/sg1 (or WARIFU_DISC).", valueName: "disc"))
  var disc: String?

  @Option(
    help: ArgumentHelp(
      "Identity of the drive that an image is put into, so that it attests the disc (or WARIFU_DRIVE).",
      valueName: "file"))
  var drive: String?

  /// What lets the drive that an image is put into attest it.
  func identity() throws -> DriveIdentity? {
    guard let path = drive ?? ProcessInfo.processInfo.environment["WARIFU_DRIVE"] else { return nil }
    let octets = try SecretSource.file(path).read("drive's identity").withBytes { $0.octets }
    let emulatorKey = try EmulatorKey.read(nil)
    do throws(DriveIdentity.FileError) {
      return try DriveIdentity(unsealing: octets, under: emulatorKey)
    } catch {
      let remedy =
        switch error {
        case .foreign: "give a file that 'center drive new' made"
        case .notAuthentic: "it is damaged, or sealed under another emulator key; make another with 'center drive new'"
        }
      throw Failure(.badInput, "\(path) is no drive's identity", remedy: remedy)
    }
  }

  /// The disc in a drive: its own drive if it is an image.
  ///
  /// - Parameter readOnly: for commands that only look.
  func insert(readOnly: Bool) throws -> DiscInDrive {
    guard let path = disc ?? ProcessInfo.processInfo.environment["WARIFU_DISC"] else {
      throw Failure(
        .usage, "no disc was named", remedy: "give its image, or the drive it is in, with --disc, or set WARIFU_DISC")
    }
    return try DiscInDrive(path, readOnly: readOnly, in: try identity())
  }
}

/// A disc, emulated or real, in a drive, and the session with it.
struct DiscInDrive {
  /// What it was named by: the image, or the drive's device.
  let path: String
  /// The image, if the disc is emulated.
  let image: EmulatedDisc?
  /// The host's session with the drive.
  let session: DriveSession

  /// Opens what a path names: the drive behind a device, anything else as an image in a drive of its own.
  ///
  /// - Parameter identity: lets the drive of an image attest it.
  init(_ path: String, readOnly: Bool, in identity: DriveIdentity? = nil) throws {
    if DeviceFile.isNamed(by: path) {
      try self.init(driveAt: path)
    } else {
      try self.init(EmulatedDisc(openingAt: path, readOnly: readOnly), in: identity)
    }
  }

  /// Puts an emulated disc into a drive.
  init(_ disc: EmulatedDisc, in identity: DriveIdentity? = nil) throws {
    path = disc.path
    image = disc
    session = try DriveSession(EmulatedDrive(configuration: DriveConfiguration(signer: identity), medium: disc))
  }

  /// Takes the disc that is in a real drive.
  private init(driveAt path: String) throws {
    let transport = try DiscInDrive.transport(to: path)
    self.path = path
    image = nil
    session = try DriveSession(transport, maximumTransfer: min(transport.maximumTransfer, 128 << 10))
  }

  /// Its licensed volume.
  func volume() throws -> LicensedVolume { try LicensedVolume(opening: session) }

  /// The way to the drive behind a device.
  ///
  /// - Parameter timeout: how long the drive may take for a command.
  static func transport(to path: String, timeout: Duration = .seconds(60)) throws(DiscError) -> SGIOTransport {
    do { return try SGIOTransport(opening: path, timeout: timeout) } catch {
      throw DiscError(error, "cannot use the drive")
    }
  }
}

/// Special files, told from others without opening them.
enum DeviceFile {
  /// Whether `path` leads to a block or character device.
  static func isNamed(by path: String) -> Bool {
    var status = stat()
    guard stat(path, &status) == 0 else { return false }
    return [S_IFBLK, S_IFCHR].contains(status.st_mode & S_IFMT)
  }
}
