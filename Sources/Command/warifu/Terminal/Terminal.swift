import Foundation
import Glibc

/// The three standard streams: results on one, people on another.
enum Terminal {
  /// Whether somebody can be asked.
  static var canAsk: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

  /// Whether progress is for somebody's eyes.
  static var showsProgress: Bool { isatty(STDERR_FILENO) == 1 }

  /// Writes a result to standard output, all of it or a failure.
  static func write(_ text: String) throws {
    var octets = Array(text.utf8)[...]
    while !octets.isEmpty {
      let count = octets.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw Failure(
          .transport, "cannot write the result: \(String(cString: strerror(errno)))",
          remedy: "give standard output a place with room")
      }
      octets = octets.dropFirst(count)
    }
  }

  /// Tells somebody something on standard error, as a line.
  static func complain(_ line: String) { tell(line + "\n") }

  /// Tells somebody something on standard error.
  static func tell(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

  /// Asks for a line that may be seen.
  static func ask(_ question: String) -> String? {
    tell(question)
    return readLine(strippingNewline: true)
  }
}
