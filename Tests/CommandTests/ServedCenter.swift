import Foundation
import Glibc
import Testing
import WarifuTesting

/// `warifu center serve` in the background, as a service manager would run it.
final class ServedCenter {
  /// What it said about where it serves.
  struct Place: Decodable {
    let url: String
    let port: Int
    let processID: Int32
  }

  private let bench: CommandBench
  private let process = Process()
  private let stem: String
  /// Where it serves.
  private(set) var place = Place(url: "", port: 0, processID: 0)

  /// Starts it on a free port, and waits until it serves.
  init(
    _ bench: CommandBench, _ arguments: [String] = [], environment: [String: String] = [:], center: String = "center"
  ) throws {
    self.bench = bench
    stem = bench.path(".\(UUID().uuidString)")
    for end in [".out", ".err"] { try Data().write(to: URL(fileURLWithPath: stem + end)) }
    process.executableURL = URL(fileURLWithPath: CommandBench.executable)
    process.arguments = ["center", "serve", center, "--port", "0", "--json"] + arguments
    process.currentDirectoryURL = URL(fileURLWithPath: bench.folder.path)
    var all = [
      "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": bench.folder.path,
    ].merging(environment) { $1 }
    if all["CREDENTIALS_DIRECTORY"] == nil { all["WARIFU_PASSPHRASE"] = "file:passphrase" }
    process.environment = all
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: stem + ".out"))
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: stem + ".err"))
    try process.run()
    let line = try wait(for: "a line that says where") {
      let said = try String(contentsOfFile: stem + ".out", encoding: .utf8)
      return said.hasSuffix("\n") ? said : nil
    }
    place = try JSONDecoder().decode(Place.self, from: Data(line.utf8))
  }

  deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

  /// Standard error: its log.
  var log: String { (try? String(contentsOfFile: stem + ".err", encoding: .utf8)) ?? "" }

  /// Sends it a signal.
  func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

  /// Waits for its end; the exit code, or 128 and the number of the signal that ended it.
  func end() -> Int32 {
    process.waitUntilExit()
    return process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
  }

  /// Sends a signal and waits for the end.
  func end(by signal: Int32) -> Int32 {
    send(signal)
    return end()
  }

  /// Runs a program of Python's with the server's URL as its first argument; answers what it printed.
  func python(_ program: String, _ arguments: String...) throws -> String {
    let outcome = try bench.launch("/usr/bin/env", ["python3", "-B", "-c", program, place.url] + arguments)
    try #require(outcome.status == 0, "\(outcome.complaint)\n\(log)")
    return outcome.output
  }

  /// The status that GET answers.
  func status(of path: String, token: String = "", authority: String = "") throws -> String {
    try python(ServedCenter.get, path, token, authority).trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private static let get = """
    import ssl, sys, urllib.error, urllib.request
    url, path, token, authority = sys.argv[1:]
    request = urllib.request.Request(url + path, headers={"Authorization": "Bearer " + token} if token else {})
    context = ssl.create_default_context(cafile=authority) if authority else None
    try:
        print(urllib.request.urlopen(request, timeout=60, context=context).status)
    except urllib.error.HTTPError as error:
        print(error.code)
    """

  /// Asks until there is an answer; a minute is far beyond what anything takes, and the machine may stall.
  func wait<R>(for what: String, _ body: () throws -> R?) throws -> R {
    let deadline = ContinuousClock.now + .seconds(120)
    while ContinuousClock.now < deadline {
      if let result = try body() { return result }
      guard process.isRunning || what.hasPrefix("the log") else { break }
      usleep(20_000)
    }
    throw ServedCenterError(description: "Waiting for \(what):\n\(log)")
  }
}

/// It did not do what a test waited for.
struct ServedCenterError: Error, CustomStringConvertible {
  let description: String
}
