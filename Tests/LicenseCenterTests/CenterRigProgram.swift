import Foundation
import TestSupport

/// The program `center-rig`, run to its end or until it is killed in front of one of its writes.
enum CenterRigProgram {
  /// What it printed, and whether it was killed.
  struct Outcome {
    let lines: [String]
    let wasKilled: Bool
    let status: Int32
    let complaint: String
  }

  static func run(_ arguments: [String], input: String, killAt write: Int?) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(filePath: try RigProgram.path())
    process.arguments = arguments
    process.environment = try RigProgram.killing(at: write)
    let (standardInput, output, errors) = (Pipe(), Pipe(), Pipe())
    process.standardInput = standardInput
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    try standardInput.fileHandleForWriting.write(contentsOf: Data(input.utf8))
    try standardInput.fileHandleForWriting.close()
    // Both fit into a pipe's buffer.
    let lines = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    let complaint = String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    return Outcome(
      lines: lines.split(separator: "\n").map(String.init),
      wasKilled: process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGKILL,
      status: process.terminationStatus, complaint: complaint)
  }
}
