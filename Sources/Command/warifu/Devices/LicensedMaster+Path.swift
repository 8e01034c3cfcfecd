import CopyLicensing
import DiscDriver
import Foundation

extension LicensedMaster {
  /// Opens the image or device that somebody named.
  static func insert(_ path: String, anchor: TrustAnchor) throws -> LicensedMaster {
    do {
      return try LicensedMaster(opening: path, anchor: anchor)
    } catch {
      // An image without a catalogue is somebody else's disc, not a missing one.
      guard case .master(let reason) = error.code, reason.code == .notFound,
        FileManager.default.fileExists(atPath: path)
      else { throw error }
      throw Failure(
        .badInput, "\(path) is no master disc of Warifu", remedy: "name one that 'warifu master press' made")
    }
  }
}
