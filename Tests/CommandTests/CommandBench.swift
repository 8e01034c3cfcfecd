import Cryptography
import Foundation
import Octets
import Testing
import WarifuTesting

/// What one command said, and how it ended.
struct Outcome: Sendable {
  /// The arguments.
  let arguments: [String]
  /// The exit code.
  let status: Int32
  /// Standard output.
  let octets: Data
  /// Standard error.
  let complaint: String

  /// Standard output as text.
  var output: String { String(decoding: octets, as: UTF8.self) }
}

/// A folder in which the built `warifu` is run as users run it.
final class CommandBench: Sendable {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// The built executable, beside the test bundle.
  static let executable: String = {
    var folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    while folder.path != "/" {
      let candidate = folder.appendingPathComponent("warifu").path
      var isFolder: ObjCBool = false
      if FileManager.default.fileExists(atPath: candidate, isDirectory: &isFolder), !isFolder.boolValue {
        return candidate
      }
      folder.deleteLastPathComponent()
    }
    return "/nonexistent/warifu"
  }()

  /// The path of `name` in the folder.
  func path(_ name: String) -> String { folder(name) }

  /// Runs `warifu` in the folder, which is also its home; nothing else of the environment reaches it but the path.
  @discardableResult
  func run(
    _ arguments: [String], input: String = "", environment: [String: String] = [:], output: String? = nil
  ) throws -> Outcome {
    try launch(CommandBench.executable, arguments, input: input, environment: environment, output: output)
  }

  /// Runs `warifu`, which must succeed.
  @discardableResult
  func succeed(_ arguments: String..., input: String = "") throws -> Outcome {
    let outcome = try run(arguments, input: input)
    try #require(outcome.status == 0, "\(arguments): \(outcome.complaint)")
    return outcome
  }

  /// Runs some program in the folder. One that hangs is ended after a quarter of an hour, with status 124: far beyond what
  /// any of them takes, and not counted while its test waits for others.
  func launch(
    _ program: String, _ arguments: [String], input: String = "", environment: [String: String] = [:],
    output: String? = nil
  ) throws -> Outcome {
    let stem = path(".\(UUID().uuidString)")
    let (given, said, complained) = (stem + ".in", output ?? stem + ".out", stem + ".err")
    try Data(input.utf8).write(to: URL(fileURLWithPath: given))
    for place in [said, complained] where !FileManager.default.fileExists(atPath: place) {
      try Data().write(to: URL(fileURLWithPath: place))
    }
    defer {
      for place in [given, stem + ".out", complained] { try? FileManager.default.removeItem(atPath: place) }
    }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["timeout", "--foreground", "--kill-after=5", "900", program] + arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    process.environment = CommandBench.environment(home: folder.path).merging(environment) { $1 }
    process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: given))
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: said))
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: complained))
    try process.run()
    process.waitUntilExit()
    return Outcome(
      arguments: arguments,
      status: process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus,
      octets: output == nil ? try Data(contentsOf: URL(fileURLWithPath: said)) : Data(),
      complaint: String(decoding: try Data(contentsOf: URL(fileURLWithPath: complained)), as: UTF8.self))
  }

  private static func environment(home: String) -> [String: String] {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return [
      "PATH": path, "HOME": home, "XDG_DATA_HOME": home + "/data", "WARIFU_CENTER": "center",
      "WARIFU_PASSPHRASE": "file:passphrase", "WARIFU_CARD": "alice.card", "WARIFU_DISC": "disc.img",
    ]
  }

  /// Puts text into a file of the folder.
  func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path(name)))
  }

  /// The octets of a file of the folder, mapped.
  func octets(of name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: path(name)), options: .alwaysMapped)
  }

  /// What is in every file: the digest of small ones; time and size of the last change of large ones.
  func state() throws -> [String: String] {
    var state: [String: String] = [:]
    let files = try #require(FileManager.default.enumerator(atPath: folder.path))
    for case let name as String in files {
      let attributes = try FileManager.default.attributesOfItem(atPath: path(name))
      guard attributes[.type] as? FileAttributeType == .typeRegular, let size = attributes[.size] as? Int else {
        continue
      }
      if size < 4 << 20 {
        state[name] = Hex.encode(Digest.sha256(Array(try octets(of: name))))
      } else {
        state[name] = "\(size) \(attributes[.modificationDate] ?? "")"
      }
    }
    return state
  }
}
