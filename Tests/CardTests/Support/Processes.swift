import Foundation
import Testing

/// Runs `body` with a folder of its own that is gone afterwards.
func withTemporaryFolder<R>(_ body: (String) throws -> R) throws -> R {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("warifu-card-\(UUID().uuidString)").path
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  return try body(folder)
}

/// A file's content.
func content(of path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }

/// Writes a whole file.
func write(_ octets: [UInt8], to path: String) throws { try Data(octets).write(to: URL(fileURLWithPath: path)) }

/// How a program ended.
struct Ending {
  var output: String
  /// Exit code, or the number of the signal that killed it.
  var status: Int32
  var wasKilled: Bool
}

/// The rig that lies beside this test's own executable.
func rigPath() throws -> String {
  let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
  let beside = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("card-rig").path
  try #require(FileManager.default.isExecutableFile(atPath: beside), "card-rig is not built")
  return beside
}

/// Runs a program to its end.
func run(_ program: String, _ arguments: [String]) throws -> Ending {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = [program] + arguments
  let output = Pipe()
  process.standardOutput = output
  process.standardError = FileHandle.nullDevice
  try process.run()
  let text = try output.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  return Ending(
    output: String(decoding: text, as: UTF8.self), status: process.terminationStatus,
    wasKilled: process.terminationReason == .uncaughtSignal)
}

/// One system call of the rig, as `strace` saw it.
struct SystemCall: CustomStringConvertible {
  var name: String
  /// Which of its name it is, from 1.
  var number: Int
  /// The whole line.
  var line: String

  var description: String { "\(name) number \(number)" }
}

/// What the rig asks the system for, undisturbed, in order.
func systemCalls(_ names: [String], of arguments: [String], log: String) throws -> [SystemCall] {
  let traced = names.joined(separator: ",")
  let ending = try run("strace", ["-qq", "-o", log, "-e", "trace=\(traced)", try rigPath()] + arguments)
  try #require(ending.status == 0, "strace is a Debian package")
  var counts: [String: Int] = [:]
  return try String(decoding: content(of: log), as: UTF8.self).split(separator: "\n").compactMap { line in
    let name = String(line.prefix { $0 != "(" })
    guard names.contains(name) else { return nil }
    counts[name, default: 0] += 1
    return SystemCall(name: name, number: counts[name] ?? 0, line: String(line))
  }
}

/// Runs the rig and kills it with SIGKILL as it enters `call`; `strace` counts calls by their name.
func runKilled(at call: SystemCall, _ arguments: [String]) throws -> Ending {
  try runDisturbed(at: call, by: "signal=KILL", arguments)
}

/// Runs the rig with `disturbance` at `call`, in the words of `strace`'s option `inject`.
func runDisturbed(at call: SystemCall, by disturbance: String, _ arguments: [String]) throws -> Ending {
  let injection = "inject=\(call.name):\(disturbance):when=\(call.number)"
  return try run(
    "strace", ["-qq", "-o", "/dev/null", "-e", "trace=\(call.name)", "-e", injection, try rigPath()] + arguments)
}
