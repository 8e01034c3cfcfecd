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
    let descriptor = warifu_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else {
      throw Failure(
        .transport, "cannot write the trace to \(path): \(String(cString: strerror(errno)))",
        remedy: "give another path")
    }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    // A trace that cannot be written, for want of room perhaps, is no reason to leave a card half written.
    return TracingTransport(transport) { line in try? file.write(contentsOf: Data((line + "\n").utf8)) }
  }
}
