import Foundation

/// A program of somebody else's, run to its end on a thread of its own.
enum Program {
  struct Outcome: Sendable {
    var status: Int32
    /// Standard output.
    var output: String
  }

  /// - Parameters:
  ///   - words: its name, looked up in PATH, and its arguments.
  ///   - input: what its standard input holds.
  static func run(_ words: [String], input: String = "", in folder: URL? = nil) async throws -> Outcome {
    try await onThread {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = words
      if let folder { process.currentDirectoryURL = folder }
      let (stdin, stdout) = (Pipe(), Pipe())
      process.standardInput = stdin
      process.standardOutput = stdout
      process.standardError = FileHandle.nullDevice
      try process.run()
      stdin.fileHandleForWriting.write(Data(input.utf8))
      try stdin.fileHandleForWriting.close()
      let said = stdout.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      return Outcome(status: process.terminationStatus, output: String(decoding: said, as: UTF8.self))
    }
  }
}
