import CLinux
import Glibc

/// A file that is read whole, if it is an ordinary one and not too long.
enum SmallFile {
  /// The file's octets; `-` is standard input.
  static func read(_ path: String, limit: Int, what: String) throws -> [UInt8] {
    guard path != "-" else { return try drain(STDIN_FILENO, limit: limit, what: what) }
    // O_NONBLOCK: a FIFO that nobody writes to must not hold us up.
    let descriptor = warifu_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
    guard descriptor >= 0 else { throw unreadable(what, path, errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw unreadable(what, path, errno) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw Failure(.noDevice, "cannot read the \(what) from \(path)", remedy: "it is no ordinary file")
    }
    return try drain(descriptor, limit: limit, what: what)
  }

  private static func drain(_ descriptor: Int32, limit: Int, what: String) throws -> [UInt8] {
    var octets: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(descriptor, &piece, piece.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw unreadable(what, "its source", errno) }
      if count == 0 { return octets }
      octets += piece[..<count]
      guard octets.count <= limit else {
        throw Failure(.badInput, "the \(what) is too long", remedy: "give at most \(Words.size(UInt64(limit)))")
      }
    }
  }

  private static func unreadable(_ what: String, _ path: String, _ code: Int32) -> Failure {
    Failure(
      .noDevice, "cannot read the \(what) from \(path): \(String(cString: strerror(code)))",
      remedy: "check the path and its permissions")
  }
}
