import CLinux
import Cryptography
import Formats
import Foundation
import Glibc
import SecureChannel

/// A file that appears when all of it is there, or not at all.
enum NewFile {
  /// Has `body` write the file at `path`.
  ///
  /// - Parameters:
  ///   - isProgram: whether it can be run from then on (C7).
  ///   - taken: what to do where there is a file of that name.
  ///   - mismatch: what to do about what was not authentic.
  /// - Throws: ``CenterClientError/Code/file``.
  static func make<R>(
    _ path: String, isProgram: Bool, during operation: String, taken: String, mismatch: String,
    _ body: (FileHandle) throws -> R
  ) throws(CenterClientError) -> R {
    func failed(_ remedy: String) -> CenterClientError {
      CenterClientError(.file, operation, remedy: remedy, mayHaveChanged: true)
    }
    guard !isTaken(path) else { throw failed(taken) }
    let temporary = path + ".opening"
    unlink(temporary)
    defer { unlink(temporary) }
    let result: R
    do {
      let output = try create(temporary, during: operation)
      result = try body(output)
      if isProgram, fchmod(output.fileDescriptor, 0o700) != 0 { throw CocoaError(.fileWriteUnknown) }
      try output.synchronize()
      try output.close()
    } catch let error as CenterClientError {
      throw error
    } catch is CryptoError {
      throw failed(mismatch)
    } catch {
      throw failed("\(path) cannot be written; check the disk, then run it again to carry on.")
    }
    guard warifu_rename_new(temporary, path) == 0 else {
      let code = errno
      throw failed(
        code == EEXIST ? taken : "\(path) cannot be made: \(String(cString: strerror(code))); check its folder.")
    }
    try syncFolder(of: path, during: operation)
    return result
  }

  /// Whether the name is somebody's: a link that leads nowhere is in the way, too.
  static func isTaken(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  /// A new file that is its owner's alone.
  static func create(_ path: String, during operation: String) throws(CenterClientError) -> FileHandle {
    let descriptor = Glibc.open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else {
      throw CenterClientError(
        .file, operation, remedy: "\(path) cannot be made; check that its folder is there and writable.",
        mayHaveChanged: true)
    }
    return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }

  /// Makes the name of a file last.
  static func syncFolder(of path: String, during operation: String) throws(CenterClientError) {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    let descriptor = warifu_open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
    defer { if descriptor >= 0 { close(descriptor) } }
    guard descriptor >= 0, fsync(descriptor) == 0 else {
      throw CenterClientError(
        .file, operation, remedy: "The folder of \(path) cannot be written; check the disk, then run it again.",
        mayHaveChanged: true)
    }
  }
}
