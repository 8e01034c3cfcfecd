import CenterServer
import Glibc
import LicenseCenter
import Logging

/// Where a served centre's log goes: standard error, a JSON object a line, or words where somebody looks.
enum ServerLog {
  /// The log.
  static func open(at level: Logger.Level) -> Logger {
    let isTerminal = isatty(STDERR_FILENO) == 1
    var logger = Logger(label: "warifu") { label in
      guard !isTerminal else { return TerminalLogHandler(clock: SystemClock()) }
      return JSONLogHandler(label: label, clock: SystemClock()) { Terminal.tell(String(decoding: $0, as: UTF8.self)) }
    }
    logger.logLevel = level
    return logger
  }
}

/// A log for somebody's eyes: `10:19:07 info request operation=getHealth status=200`.
struct TerminalLogHandler: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.info

  private let clock: any CenterClock
  private let write: @Sendable (String) -> Void

  /// - Parameter write: takes one whole line at a time, its end included.
  init(clock: any CenterClock, write: @escaping @Sendable (String) -> Void = { Terminal.tell($0) }) {
    self.clock = clock
    self.write = write
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let all = metadata.merging(event.metadata ?? [:]) { $1 }
    let members = all.sorted { $0.key < $1.key }.map { "\($0.key)=\(TerminalLogHandler.shown($0.value.description))" }
    let time = Words.time(clock.now()).dropFirst(11).prefix(8)
    let line = ([String(time), event.level.rawValue, TerminalLogHandler.shown(event.message.description)] + members)
      .joined(separator: " ")
    write(line + "\n")
  }

  /// What comes from outside must not move the cursor.
  private static func shown(_ text: String) -> String {
    Failure.hasControls(text) ? String(text.map { Failure.hasControls(String($0)) ? " " : $0 }) : text
  }
}
