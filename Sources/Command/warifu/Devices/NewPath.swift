import Foundation
import Glibc

/// The name of something to be made, or read.
enum NewPath {
  /// Refuses a name in a folder that is not there, before anything else is done for it.
  static func checkFolder(of path: String) throws {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().relativePath
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
      throw Failure(.noDevice, "cannot make \(path)", remedy: "its folder must exist; make \(folder) first")
    }
  }

  /// Refuses a name that is taken, too, before anybody is asked for a secret or gives one away.
  static func checkIsFree(_ path: String) throws {
    try checkFolder(of: path)
    var status = stat()
    guard lstat(path, &status) != 0 else {
      throw Failure(.failed, "there is a file \(path) already", remedy: "choose another name")
    }
  }

  /// Refuses a file that is to be read and cannot be.
  static func checkIsReadable(_ path: String, what: String) throws {
    guard access(path, R_OK) == 0 else {
      throw Failure(
        .noDevice, "cannot read the \(what) from \(path): \(String(cString: strerror(errno)))",
        remedy: "check the path and its permissions")
    }
  }
}
