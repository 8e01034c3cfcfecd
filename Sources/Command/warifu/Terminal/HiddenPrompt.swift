import CLinux
import Cryptography
import Glibc
import Octets

/// Asks for a secret without showing it.
///
/// Signals and line editing are switched off with the echo, so that no key leaves the terminal silent.
enum HiddenPrompt {
  private static let limit = 1024

  /// What somebody types up to the end of the line.
  static func ask(_ question: String) throws -> Secret {
    var before = termios()
    guard tcgetattr(STDIN_FILENO, &before) == 0 else {
      throw Failure(.transport, "cannot ask for a secret", remedy: "use a terminal, or give a source for it")
    }
    var silent = before
    silent.c_lflag &= ~tcflag_t(ECHO | ISIG | ICANON)
    guard tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0 else {
      throw Failure(.transport, "cannot hide what is typed", remedy: "give a source for the secret")
    }
    // Only now: the switch drops what was typed before it.
    Terminal.tell("\(question): ")
    defer {
      tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
      Terminal.tell("\n")
    }
    return try readLine()
  }

  private static func readLine() throws -> Secret {
    let buffer = OctetBuffer(capacity: limit)
    var octet: UInt8 = 0
    while Glibc.read(STDIN_FILENO, &octet, 1) == 1 {
      switch octet {
      case 0x0A, 0x0D: return buffer.withBytes { Secret(copying: $0) }
      case 0x03, 0x04: throw Failure(.interrupted, "stopped", remedy: "nothing was changed")
      case 0x08, 0x7F: buffer.truncate(to: max(0, buffer.count - 1))
      case 0x15: buffer.truncate(to: 0)
      default:
        guard (try? buffer.append(octet)) != nil else {
          throw Failure(.badInput, "the secret is too long", remedy: "give at most \(limit) octets")
        }
      }
    }
    throw Failure(.badInput, "the terminal ended", remedy: "give a source for the secret")
  }
}
