import Foundation

/// The program `center-rig`, run to its end or until it is killed in front of one of its writes.
enum CenterRigProgram {
  struct Missing: Error, CustomStringConvertible {
    let description: String
  }

  /// What it printed, and whether it was killed.
  struct Outcome {
    let lines: [String]
    let wasKilled: Bool
    let status: Int32
    let complaint: String
  }

  static func run(_ arguments: [String], input: String, killAt write: Int?) throws -> Outcome {
    let process = Process()
    process.executableURL = URL(filePath: try path())
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["LD_PRELOAD": try shim.get(), "WARIFU_KILL_AT": String(write ?? -1)]) { $1 }
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

  /// The program, beside the test bundle.
  private static func path() throws -> String {
    let folder = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    for candidate in sequence(first: folder, next: { $0.deletingLastPathComponent() }).prefix(4) {
      let path = candidate.appending(path: "center-rig").path
      if FileManager.default.isExecutableFile(atPath: path) { return path }
    }
    throw Missing(description: "center-rig is not built")
  }

  /// The shim, made once by the C compiler and kept as long as this process lives.
  private static let shim = Result {
    let source = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../Support/CenterRig/Shim/kill-shim.c").standardizedFileURL
    let path = NSTemporaryDirectory() + "warifu-kill-\(ProcessInfo.processInfo.processIdentifier).so"
    let compiler = Process()
    compiler.executableURL = URL(filePath: "/usr/bin/env")
    compiler.arguments = ["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", path, source.path, "-ldl"]
    try compiler.run()
    compiler.waitUntilExit()
    guard compiler.terminationStatus == 0 else { throw Missing(description: "the shim cannot be made") }
    atexit { unlink(NSTemporaryDirectory() + "warifu-kill-\(getpid()).so") }
    return path
  }
}
