import CLinux
import Foundation

/// A file that appears under its name complete and synced, or not at all. While it is written it stands beside that, under
/// another name, and is its writer's alone; what a killed one left there is written over.
struct ScratchFile: ~Copyable {
  /// For writing only.
  private let descriptor: Int32
  private let path: String
  private let scratch: String
  private let operation: String
  private var hasName = false

  /// Begins a file of mode 0600 for `path`.
  ///
  /// - Parameter suffix: what its name ends with until it is complete.
  /// - Throws: ``CenterError/Code/conflict`` while another program writes it; ``CenterError/Code/storage``.
  init(_ path: String, suffix: String, _ operation: String) throws(CenterError) {
    let scratch = path + suffix
    let descriptor = warifu_open(scratch, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw ScratchFile.failure(operation) }
    // The system lets go of the lock of a writer who is killed; one who has finished took the file away under its name.
    guard warifu_try_lock(descriptor) == 0, FolderConstruction.isFile(descriptor, at: scratch) else {
      Foundation.close(descriptor)
      throw CenterError(.conflict, operation, remedy: "Another program is just writing it; wait for that.")
    }
    guard fchmod(descriptor, 0o600) == 0, ftruncate(descriptor, 0) == 0 else {
      let failure = ScratchFile.failure(operation)
      Foundation.close(descriptor)
      throw failure
    }
    (self.descriptor, self.path, self.scratch, self.operation) = (descriptor, path, scratch, operation)
  }

  deinit {
    if !hasName { unlink(scratch) }
    Foundation.close(descriptor)
  }

  /// Writes octets behind those before.
  func write(_ octets: [UInt8]) throws(CenterError) {
    let failure = octets.withUnsafeBytes { bytes -> CenterError? in
      do throws(CenterError) { try write(bytes) } catch { return error }
      return nil
    }
    if let failure { throw failure }
  }

  /// Writes octets behind those before.
  func write(_ octets: UnsafeRawBufferPointer) throws(CenterError) {
    var rest = octets
    while !rest.isEmpty {
      let count = Foundation.write(descriptor, rest.baseAddress, rest.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw ScratchFile.failure(operation) }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// Gives the file its name. It stays its writer's until this value is gone (``isBeingWritten(_:)``).
  ///
  /// - Parameter isReplacing: whether what has that name makes place.
  mutating func finish(replacing isReplacing: Bool) throws(CenterError) {
    guard fsync(descriptor) == 0,
      (isReplacing ? rename(scratch, path) : warifu_rename_new(scratch, path)) == 0
    else { throw ScratchFile.failure(operation) }
    hasName = true
    try FolderConstruction.sync(URL(fileURLWithPath: path).deletingLastPathComponent().path, operation)
  }

  /// Whether a file, under either name, is still its writer's.
  static func isBeingWritten(_ path: String) -> Bool {
    let descriptor = warifu_open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0)
    guard descriptor >= 0 else { return false }
    defer { Foundation.close(descriptor) }
    return warifu_try_lock(descriptor) != 0
  }

  private static func failure(_ operation: String) -> CenterError {
    CenterError(.storage, operation, remedy: "The system says: \(String(cString: strerror(errno))).")
  }
}
