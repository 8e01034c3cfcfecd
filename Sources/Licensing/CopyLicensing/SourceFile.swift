import CLinux
import Cryptography
import Glibc

/// A plaintext file of this machine that is to be pressed.
///
/// Whoever presses several opens all of them first: then nothing that can be known before fails in the middle.
public final class SourceFile: Sendable {
  /// Its octets when it was opened.
  public let length: UInt64

  private let path: String
  private let descriptor: Int32

  /// Opens the file.
  ///
  /// - Throws: ``LicensingError/Code/file`` for what cannot be read, is no ordinary file (a pipe has no length to write
  ///   before its content), or is larger than can be sealed.
  public init(_ path: String) throws(LicensingError) {
    let operation = "press \(path)"
    // Without O_NONBLOCK a pipe would be waited for until somebody writes to it.
    let descriptor = warifu_open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0)
    var status = stat()
    guard descriptor >= 0, fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      let reason = descriptor < 0 ? String(cString: strerror(errno)) : "it is no ordinary file"
      if descriptor >= 0 { close(descriptor) }
      throw LicensingError(.file, operation, remedy: "\(path) cannot be read (\(reason)); check the path.")
    }
    self.path = path
    self.descriptor = descriptor
    length = UInt64(clamping: status.st_size)
    let length = length
    _ = try licensing(operation) { try Content.parameters.ciphertextLength(plaintextLength: length) }
  }

  deinit { close(descriptor) }

  /// Fills `buffer` from `offset`, or says that the file has become shorter.
  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(LicensingError) {
    var done = 0
    while done < buffer.count {
      let count = pread(
        descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(offset) + off_t(done))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw LicensingError(
          .file, "press \(path)",
          remedy: "The file changed or failed while it was read; try again when nobody writes to it.")
      }
      done += count
    }
  }
}
