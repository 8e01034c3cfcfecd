import Foundation
import Glibc

/// A program of somebody else, run to its end.
public enum ISCSIProgram {
  /// What a program said, and how it ended.
  public struct Answer: Sendable {
    /// Its exit code; negative for the signal that ended it.
    public let status: Int32
    /// Standard output and standard error, as they came.
    public let text: String
  }

  /// Runs a program and waits for it.
  ///
  /// - Throws: ``RigError`` if it is not there or does not end in time; then it is killed.
  public static func run(
    _ name: String, _ arguments: [String], environment: [String: String] = [:], seconds: Int = 120
  ) throws -> Answer {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [name] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let output = FileManager.default.temporaryDirectory.appending(path: "warifu-\(UUID().uuidString).log")
    guard FileManager.default.createFile(atPath: output.path, contents: nil) else {
      throw RigError("\(output.path) cannot be made.")
    }
    defer { try? FileManager.default.removeItem(at: output) }
    let log = try FileHandle(forWritingTo: output)
    defer { try? log.close() }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = log
    process.standardError = log
    let ended = DispatchSemaphore(value: 0)
    process.terminationHandler = { _ in ended.signal() }
    try process.run()
    let isLate = ended.wait(timeout: .now() + .seconds(seconds)) == .timedOut
    if isLate {
      kill(process.processIdentifier, SIGKILL)
      ended.wait()
    }
    let text = String(decoding: try Data(contentsOf: output), as: UTF8.self)
    guard !isLate else { throw RigError("\(name) did not end within \(seconds) s:\n\(text.suffix(2_000))") }
    guard process.terminationStatus != 127 else { throw RigError("\(name) is missing: make deps installs it.") }
    let status = process.terminationStatus
    return Answer(status: process.terminationReason == .uncaughtSignal ? -status : status, text: text)
  }
}
