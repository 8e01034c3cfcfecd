import DriveRig
import Foundation
import Glibc
import Testing

/// `warifu disc serve` as somebody runs it, in a bench's folder.
struct ServeCommand {
  /// The command.
  let program: ForeignProgram
  /// Where clients find the disc, as the command says it.
  let uri: String
  /// What is typed to it.
  private let keyboard: FileHandle
  private let bench: ExportBench

  /// The built command.
  static let executable = URL(fileURLWithPath: NBDServer.plugin).deletingLastPathComponent().appending(path: "warifu")
    .path

  /// Starts it; returns when it says where it listens.
  init(_ bench: ExportBench, _ options: String..., environment: [String: String] = [:]) throws {
    self.bench = bench
    let pipe = bench.folder("keyboard\(UInt32.random(in: 0...UInt32.max))")
    guard mkfifo(pipe, 0o600) == 0 else { throw CocoaError(.fileWriteUnknown) }
    program = try ForeignProgram(
      ["sh", "-c", "exec \"$0\" \"$@\" <\"$KEYBOARD\"", ServeCommand.executable, "disc", "serve", "--disc", "disc.img"]
        + options + ["--json"], in: bench.folder, environment: environment.merging(["KEYBOARD": pipe]) { $1 })
    keyboard = try FileHandle(forUpdating: URL(fileURLWithPath: pipe))
    try program.wait(until: "listening") { [program] in program.output.contains("\"listening\"") }
    uri = try #require(ServeCommand.reports(program.output).first?.uri)
  }

  /// Types a line.
  func type(_ line: String) throws { try keyboard.write(contentsOf: Data("\(line)\n".utf8)) }

  /// Waits until it has told of an event so many times.
  func wait(for event: String, count: Int = 1) throws {
    try program.wait(until: event) { ServeCommand.reports(program.output).count { $0.event == event } >= count }
  }

  /// What it has told so far.
  var reports: [Report] { ServeCommand.reports(program.output) }

  /// One line of what it tells.
  struct Report: Decodable {
    let version: Int
    let event: String
    let image: String
    let uri: String?
    let isOpenToNetwork: Bool?
    let detail: String?
  }

  private static func reports(_ output: String) -> [Report] {
    output.split(separator: "\n").compactMap { try? JSONDecoder().decode(Report.self, from: Data($0.utf8)) }
  }
}
