import CLinux
import Foundation

/// A folder that appears under its name complete and synced, or not at all.
struct FolderConstruction {
  private let target: String
  private let scratch: String
  private let lock: Int32
  private let operation: String

  /// Begins: refuses a target that exists, and clears away what a killed construction of it left.
  init(target: String, operation: String) throws(CenterError) {
    var trimmed = target
    while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
    let url = URL(fileURLWithPath: trimmed)
    self.target = url.path
    self.operation = operation
    scratch = url.deletingLastPathComponent().path + "/." + url.lastPathComponent + ".creating"
    var information = stat()
    guard lstat(self.target, &information) != 0 else {
      throw CenterError(.conflict, operation, remedy: "There is something at that path already; choose another.")
    }
    // Whoever holds the lock beside the scratch folder is its only builder; the system lets go of it if he is killed.
    lock = warifu_open(scratch + ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard lock >= 0 else { throw FolderConstruction.failure(operation) }
    guard warifu_try_lock(lock) == 0, FolderConstruction.isFile(lock, at: scratch + ".lock") else {
      Foundation.close(lock)
      throw CenterError(.conflict, operation, remedy: "Another program is just creating it.")
    }
    try? FileManager.default.removeItem(atPath: scratch)
    guard mkdir(scratch, 0o700) == 0 else {
      let failure = FolderConstruction.failure(operation)
      unlock()
      throw failure
    }
  }

  /// The path of a file inside, while it is under construction.
  func path(of name: String) -> String { scratch + "/" + name }

  /// Writes a file of mode 0600 and syncs it.
  func write(_ octets: [UInt8], to name: String) throws(CenterError) {
    try FolderConstruction.write(octets, to: path(of: name), operation)
  }

  /// Puts `octets` in the place of what is in a file, all at once: a cut leaves the one or the other.
  ///
  /// - Throws: ``CenterError/Code/conflict`` while another program does so.
  static func replace(_ path: String, with octets: [UInt8], _ operation: String) throws(CenterError) {
    var file = try ScratchFile(path, suffix: ".new", operation)
    try file.write(octets)
    try file.finish(replacing: true)
  }

  private static func write(_ octets: [UInt8], to path: String, _ operation: String) throws(CenterError) {
    let descriptor = warifu_open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FolderConstruction.failure(operation) }
    defer { Foundation.close(descriptor) }
    var start = 0
    while start < octets.count {
      let count = octets.withUnsafeBytes {
        Foundation.write(descriptor, $0.baseAddress?.advanced(by: start), $0.count - start)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw FolderConstruction.failure(operation) }
      start += count
    }
    guard fsync(descriptor) == 0 else { throw FolderConstruction.failure(operation) }
  }

  /// Syncs the folder, gives it its name, and syncs that.
  func finish() throws(CenterError) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: scratch)) ?? [] { try sync(path(of: name)) }
    try sync(scratch)
    // A folder that came to be there meanwhile is not empty, so that rename refuses it.
    guard rename(scratch, target) == 0 else { throw FolderConstruction.failure(operation) }
    try sync(URL(fileURLWithPath: target).deletingLastPathComponent().path)
    unlock()
  }

  /// Takes back what was written.
  func abandon() {
    try? FileManager.default.removeItem(atPath: scratch)
    unlock()
  }

  /// The whole content of a small file.
  static func read(_ path: String, _ operation: String) throws(CenterError) -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw CenterError(.notFound, operation, remedy: "There is no centre there; create it, or name its folder.")
    }
    return Array(data)
  }

  private func sync(_ path: String) throws(CenterError) { try FolderConstruction.sync(path, operation) }

  /// Waits until a file or a folder is on the disk.
  static func sync(_ path: String, _ operation: String) throws(CenterError) {
    let descriptor = warifu_open(path, O_RDONLY | O_CLOEXEC, 0)
    guard descriptor >= 0 else { throw FolderConstruction.failure(operation) }
    defer { Foundation.close(descriptor) }
    guard fsync(descriptor) == 0 else { throw FolderConstruction.failure(operation) }
  }

  /// Whether an open file is still the one at `path`, and not one that its former owner took away.
  static func isFile(_ descriptor: Int32, at path: String) -> Bool {
    var opened = stat()
    var named = stat()
    return fstat(descriptor, &opened) == 0 && lstat(path, &named) == 0 && opened.st_ino == named.st_ino
  }

  private func unlock() {
    unlink(scratch + ".lock")
    Foundation.close(lock)
  }

  private static func failure(_ operation: String) -> CenterError {
    CenterError(.storage, operation, remedy: "The system says: \(String(cString: strerror(errno))).")
  }
}
