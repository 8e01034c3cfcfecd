import Glibc

/// Standard input, line by line, as far as somebody is there.
struct CommandLines {
  private static let limit = 4_096
  private var isOpen = true
  private var rest: [UInt8] = []

  private let isTerminal = isatty(STDIN_FILENO) == 1

  /// Whether what is typed comes here: from the background a terminal belongs to somebody else.
  var isSomebodyThere: Bool { isTerminal && tcgetpgrp(STDIN_FILENO) == getpgrp() }

  /// What to wait at; none once it has ended.
  var descriptor: Int32? { isOpen ? STDIN_FILENO : nil }

  /// The lines that are there.
  mutating func read() -> [String] {
    var entry = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    guard isOpen, poll(&entry, 1, 0) > 0 else { return [] }
    // Reading a terminal from the background would stop the process.
    if isTerminal, !isSomebodyThere {
      isOpen = false
      return []
    }
    var piece = [UInt8](repeating: 0, count: CommandLines.limit)
    let count = Glibc.read(STDIN_FILENO, &piece, piece.count)
    guard count > 0 else {
      isOpen = errno == EINTR && count < 0
      return []
    }
    rest += piece[..<count]
    var lines = rest.split(separator: 0x0A, omittingEmptySubsequences: false)
    // What has no end yet waits for it, unless nobody would type that much.
    rest = Array(lines.removeLast().prefix(CommandLines.limit))
    return lines.map { String(decoding: $0, as: UTF8.self) }.filter { !$0.isEmpty }
  }
}
