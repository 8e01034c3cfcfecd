import Foundation

/// A card that answers at once, in C and in a process of its own: what pcscd and vpcd cost by themselves.
final class ReferenceCard {
  private let process = Process()

  /// Puts one into the slot behind `port`; it gives `response` to every command.
  init(port: UInt16, answerToReset: [UInt8], response: [UInt8]) throws {
    // SwiftPM builds it beside this program.
    process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appendingPathComponent("answer-at-once")
    process.arguments = [String(port), ReferenceCard.digits(answerToReset), ReferenceCard.digits(response)]
    try process.run()
  }

  deinit { remove() }

  /// Ends it.
  func remove() {
    // It inherits the signals that this thread blocks, so nothing milder need reach it.
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  private static func digits(_ octets: [UInt8]) -> String { octets.map { String(format: "%02X", $0) }.joined() }
}
