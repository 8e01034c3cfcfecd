import ArgumentParser
import DiscDriver
import DiscEmulator
import Foundation
import SCSI

/// Which disc.
struct DiscOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The disc: an image, or a drive as /dev/sg1 (or WARIFU_DISC).", valueName: "disc"))
  var disc: String?

  /// The disc in a drive: its own drive if it is an image.
  ///
  /// - Parameter readOnly: for commands that only look.
  func insert(readOnly: Bool) throws -> DiscInDrive {
    guard let path = disc ?? ProcessInfo.processInfo.environment["WARIFU_DISC"] else {
      throw Failure(
        .usage, "no disc was named", remedy: "give its image, or the drive it is in, with --disc, or set WARIFU_DISC")
    }
    return try DiscInDrive(path, readOnly: readOnly)
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
  init(_ path: String, readOnly: Bool) throws {
    if DeviceFile.isNamed(by: path) {
      try self.init(driveAt: path)
    } else {
      try self.init(EmulatedDisc(openingAt: path, readOnly: readOnly))
    }
  }

  /// Puts an emulated disc into a drive.
  init(_ disc: EmulatedDisc) throws {
    path = disc.path
    image = disc
    session = try DriveSession(EmulatedDrive(medium: disc))
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
