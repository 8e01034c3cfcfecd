import Foundation

/// The name of something to be made.
enum NewPath {
  /// Refuses a name in a folder that is not there, before anything else is done for it.
  static func checkFolder(of path: String) throws {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().relativePath
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
      throw Failure(.noDevice, "cannot make \(path)", remedy: "its folder must exist; make \(folder) first")
    }
  }
}
