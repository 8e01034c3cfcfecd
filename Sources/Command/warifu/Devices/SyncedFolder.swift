import CLinux
import Glibc

/// A folder whose entries are on the disk: a new file's name is as lasting as its content only then.
enum SyncedFolder {
  /// Makes the name of the file at `path` last.
  static func sync(containing path: String) throws {
    let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let descriptor = warifu_open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
    guard descriptor >= 0 else { throw failure(folder) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure(folder) }
  }

  private static func failure(_ folder: String) -> Failure {
    Failure(
      .transport, "cannot make a file in \(folder) last: \(String(cString: strerror(errno)))",
      remedy: "check the disk, then repeat the command")
  }
}
