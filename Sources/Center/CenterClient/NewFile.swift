import Cryptography
import Formats
import Foundation
import Glibc
import SecureChannel

/// A file that appears when all of it is there, or not at all.
enum NewFile {
  /// Has `body` write the file at `path`.
  ///
  /// - Parameter isProgram: whether it can be run from then on (C7).
  /// - Throws: ``CenterClientError/Code/file``, with `mismatch` as its remedy for what was not authentic.
  static func make<R>(
    _ path: String, isProgram: Bool, during operation: String, mismatch: String, _ body: (FileHandle) throws -> R
  ) throws(CenterClientError) -> R {
    func failed(_ remedy: String) -> CenterClientError {
      CenterClientError(.file, operation, remedy: remedy, mayHaveChanged: true)
    }
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
    guard link(temporary, path) == 0 else { throw failed("There is a file at \(path) already; give another name.") }
    return result
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
}
