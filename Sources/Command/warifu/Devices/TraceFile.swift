import CLinux
import CardDriver
import Foundation
import ISO7816

/// Where `--trace` goes.
enum TraceFile {
  /// The transport, traced to a new file that only its owner may read, or with `-` to standard error.
  static func trace(_ transport: any APDUTransport, to path: String) throws -> TracingTransport {
    guard path != "-" else { return TracingTransport(transport) { Terminal.complain($0) } }
    try NewPath.checkFolder(of: path)
    // O_EXCL: the name may be that of a card, mistyped. O_NONBLOCK: nothing that waits for a reader may hold us up.
    let descriptor = warifu_open(path, O_WRONLY | O_CREAT | O_EXCL | O_NONBLOCK | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw unwritable(path, errno) }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    // A trace that cannot be written, for want of room perhaps, is no reason to leave a card half written.
    return TracingTransport(transport) { line in try? file.write(contentsOf: Data((line + "\n").utf8)) }
  }
  private static func unwritable(_ path: String, _ code: Int32) -> Failure {
    guard code != EEXIST else {
      return Failure(.failed, "there is a file at \(path) already", remedy: "choose another name for the trace")
    }
    return Failure(
      .transport, "cannot write the trace to \(path): \(String(cString: strerror(code)))", remedy: "give another path")
  }
}
