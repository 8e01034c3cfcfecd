import ArgumentParser
import DiscDriver
import DiscEmulator
import Foundation

/// Which disc.
struct DiscOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The disc's image (or WARIFU_DISC).", valueName: "image"))
  var disc: String?

  /// The disc in a drive of its own.
  ///
  /// - Parameter readOnly: for commands that only look.
  func insert(readOnly: Bool) throws -> DiscInDrive {
    guard let path = disc ?? ProcessInfo.processInfo.environment["WARIFU_DISC"] else {
      throw Failure(.usage, "no disc was named", remedy: "give its image with --disc, or set WARIFU_DISC")
    }
    return try DiscInDrive(path, readOnly: readOnly)
  }
}

/// An emulated disc in an emulated drive, and the session with it.
struct DiscInDrive {
  /// The disc.
  let disc: EmulatedDisc
  /// The host's session with the drive.
  let session: DriveSession

  /// Opens an image and puts it into a drive.
  init(_ path: String, readOnly: Bool) throws {
    try self.init(EmulatedDisc(openingAt: path, readOnly: readOnly))
  }

  /// Puts a disc into a drive.
  init(_ disc: EmulatedDisc) throws {
    self.disc = disc
    session = try DriveSession(EmulatedDrive(medium: disc))
  }

  /// Its licensed volume.
  func volume() throws -> LicensedVolume { try LicensedVolume(opening: session) }
}
