import CLinux
import Glibc

/// The three standard streams: results on one, people on another.
enum Terminal {
  /// Takes the place of standard streams that are closed, so that no file that is opened later gets their number and what
  /// is meant for people. Using one fails as before; a program that this process becomes finds them closed.
  static func occupyClosedStreams() {
    for stream in STDIN_FILENO...STDERR_FILENO where fcntl(stream, F_GETFD) < 0 {
      // The lowest free number is this one. Opened the wrong way round: neither read nor write may seem to succeed.
      _ = warifu_open("/dev/null", (stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC, 0)
    }
  }

  /// Whether somebody can be asked.
  static var canAsk: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

  /// Whether progress is for somebody's eyes.
  static var showsProgress: Bool { isatty(STDERR_FILENO) == 1 }

  /// Writes a result to standard output, all of it or a failure.
  static func write(_ text: String) throws {
    guard writeAll(text, to: STDOUT_FILENO) else {
      throw Failure(
        .transport, "cannot write the result: \(String(cString: strerror(errno)))",
        remedy: "give standard output a place with room")
    }
  }

  /// Tells somebody something on standard error, as a line; a terminal gets as many as it needs.
  static func complain(_ line: String) { tell(FoldedText.fold(line, columns: columns) + "\n") }

  /// Shows a line on the terminal in place of the one that was shown before; what it has no room for is left out.
  static func show(_ line: String) { tell("\r" + line.prefix((columns ?? .max) - 1) + "\u{1B}[K") }

  /// Takes away the line that was shown.
  static func clearLine() { show("") }

  /// How wide the terminal at standard error is; `nil` where there is none, or none that tells.
  static var columns: Int? {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }

  /// Tells somebody something on standard error. If that is closed or full, nobody can be told, and that is no failure.
  static func tell(_ text: String) { _ = writeAll(text, to: STDERR_FILENO) }

  /// Asks for a line that may be seen.
  static func ask(_ question: String) -> String? {
    tell(question)
    return readLine(strippingNewline: true)
  }

  /// Whether all of it was written; else `errno` says why not.
  private static func writeAll(_ text: String, to descriptor: Int32) -> Bool {
    var octets = Array(text.utf8)[...]
    while !octets.isEmpty {
      let count = octets.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      octets = octets.dropFirst(count)
    }
    return true
  }
}
