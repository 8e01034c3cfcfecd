import ArgumentParser
import Glibc
import Sockets

/// Where a served disc is looked after: tells what happens to it, and takes orders, until it is told to end.
final class ServingDesk {
  private static let signals = [SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2]

  private let output: OutputOptions
  private let alarm: Alarm
  /// Readable when a signal has come.
  private let signals: Int32
  private var commands = CommandLines()

  init(_ output: OutputOptions) throws {
    self.output = output
    signals = try SignalQueue.open(ServingDesk.signals)
    alarm = try Alarm(at: .unix(path: "standard input"))
  }

  /// Has `server` serve until it is told to end, or ends by itself, which it throws.
  func run(_ server: some DiscServer) throws {
    defer { server.stop() }
    let report = try server.start { [alarm] in alarm.ring() }
    try output.writeLine(report)
    if commands.isSomebodyThere { Terminal.complain("Type \(choices(server)); Ctrl-C ends too.") }
    while true {
      alarm.wait(orInputAt: [signals, commands.descriptor])
      alarm.silence()
      for report in try server.report() { try output.writeLine(report) }
      for signal in SignalQueue.takeAll() {
        switch signal {
        case SIGUSR1: try carryOut("eject", server)
        case SIGUSR2: try carryOut("insert", server)
        case SIGINT: throw ExitCode(ExitStatus.interrupted.rawValue)
        default: return
        }
      }
      for line in commands.read() {
        switch line.trimmingPrefix(while: \.isWhitespace) {
        case "quit": return
        case "status": try output.writeLine(server.status)
        case let order where server.orders.contains(String(order)): try carryOut(String(order), server)
        default: Terminal.complain("Type \(choices(server)).")
        }
      }
    }
  }

  /// What cannot be done, such as ejecting a locked disc, is told and ends nothing.
  private func carryOut(_ order: String, _ server: some DiscServer) throws {
    guard server.orders.contains(order) else { return }
    let report: ServingReport
    do {
      report = try server.carryOut(order)
    } catch {
      Terminal.complain("warifu: \(Failure(error).sentence).")
      return
    }
    try output.writeLine(report)
  }

  private func choices(_ server: some DiscServer) -> String {
    (server.orders + ["status"]).joined(separator: ", ") + " or quit"
  }
}
