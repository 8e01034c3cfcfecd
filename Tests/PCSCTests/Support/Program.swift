import Foundation
import Glibc
import PCSCRig
import Testing

/// Somebody else's program, with its streams, run against the private daemon.
///
/// One that hangs is ended, after five minutes if nothing else is said, and then everything about it fails. No sooner:
/// `timeout` goes by the wall clock, which leaps when a virtual machine was asleep.
final class Program {
  private let process = Process()
  private let input = Pipe(), output = Pipe(), errors: FileHandle
  private let errorFile: URL
  private var unread: [UInt8] = []

  /// Starts it; `environment` adds to the daemon's.
  init(_ name: String, _ arguments: [String], environment: [String: String] = [:], seconds: Int = 300) throws {
    errorFile = FileManager.default.temporaryDirectory.appendingPathComponent("warifu-errors-\(UUID().uuidString)")
    _ = FileManager.default.createFile(atPath: errorFile.path, contents: nil)
    errors = try FileHandle(forWritingTo: errorFile)
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["timeout", "--kill-after=5", "\(seconds)", name] + arguments
    process.environment = ProcessInfo.processInfo.environment
      .merging(try Slots.theDaemon().environment) { $1 }
      .merging(["LC_ALL": "C.UTF-8"]) { $1 }
      .merging(environment) { $1 }
    process.standardInput = input
    process.standardOutput = output
    process.standardError = errors
    try process.run()
  }

  deinit { try? FileManager.default.removeItem(at: errorFile) }

  /// The next line that it says; `nil` when it says nothing more.
  func readLine() -> String? {
    while true {
      if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
        let line = unread[..<end]
        unread.removeFirst(end + 1)
        return String(decoding: line, as: UTF8.self)
      }
      let more = output.fileHandleForReading.availableData
      guard !more.isEmpty else { return nil }
      unread += more
    }
  }

  /// Gives it some of its input.
  func write(_ text: String) throws { try input.fileHandleForWriting.write(contentsOf: Data(text.utf8)) }

  /// Kills it, without a word; returns when it is gone.
  func kill() {
    // `timeout` leads a group of its own, and is no more the program than the program's last words are.
    Glibc.kill(-process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// Gives it the rest of its input, and waits for its end.
  func finish(_ rest: String = "") throws -> Ending {
    try input.fileHandleForWriting.write(contentsOf: Data(rest.utf8))
    try input.fileHandleForWriting.close()
    unread += try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return Ending(
      output: String(decoding: unread, as: UTF8.self),
      errors: try String(contentsOf: errorFile, encoding: .utf8), status: process.terminationStatus)
  }
}

/// How a program ended, and what it said.
struct Ending: CustomStringConvertible {
  var output: String
  var errors: String
  var status: Int32

  var description: String { "status \(status)\n\(output)\n\(errors)" }
}

/// Runs somebody else's program to its end, which must be a good one.
@discardableResult
func run(
  _ name: String, _ arguments: [String], input: String = "", environment: [String: String] = [:],
  at location: SourceLocation = #_sourceLocation
) throws -> Ending {
  let ending = try Program(name, arguments, environment: environment).finish(input)
  try #require(ending.status == 0, "\(name) \(arguments.joined(separator: " ")): \(ending)", sourceLocation: location)
  return ending
}

/// Where a client of ours in Python lies.
func client(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Clients/\(name)").path
}

/// The rig that lies beside this test's own executable.
func rigPath() throws -> String {
  let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
  let beside = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("card-rig").path
  try #require(FileManager.default.isExecutableFile(atPath: beside), "card-rig is not built")
  return beside
}
