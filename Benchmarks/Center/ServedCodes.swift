import CenterServer
import Cryptography
import Formats
import Foundation
import HTTPTypes
import LicenseCenter
import Logging
import NIOCore
import ServiceLifecycle

/// A centre with sold codes over HTTP on loopback, and `wrk` that asks it.
final class ServedCodes: Sendable {
  private let sold: SoldCodes
  private let files: String
  private let port: Int
  private let group: ServiceGroup
  private let running: Task<Void, any Error>

  /// The path that redeems.
  static let redeeming = "/v1/redemptions"
  /// The path that takes the same requests and does nothing.
  static let nothing = "/v1/nothing"
  /// Connections of wrk's.
  static let connections = 256

  /// More than are ever redeemed in a second, so that wrk does not run out of codes.
  static let mostPerSecond = 25_000

  /// Serves on a free port, without the limits of one client.
  init(_ sold: SoldCodes) async throws {
    self.sold = sold
    files = FileManager.default.temporaryDirectory.path + "/warifu-wrk-\(UUID().uuidString)"
    try Data(sold.codes.map(\.text).joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: files + ".codes"))
    try Data(ServedCodes.script.utf8).write(to: URL(fileURLWithPath: files + ".lua"))
    try Data().write(to: URL(fileURLWithPath: files + ".log"))
    let log = try FileHandle(forWritingTo: URL(fileURLWithPath: files + ".log"))
    var options = ServingOptions()
    options.port = 0
    options.limits.requestsPerSecond = 1e9
    options.limits.burst = 1e9
    options.limits.connectionsPerAddress = ServedCodes.connections + 16
    let (addresses, told) = AsyncStream.makeStream(of: Int.self)
    let service = try CenterServer(
      sold.center, options: options, authenticator: CenterAccess(sold.center), answers: CenterAnswers(sold.center),
      further: [ServedCodes.idle],
      logger: Logger(label: "center") { label in
        JSONLogHandler(label: label, clock: SystemClock()) { try? log.write(contentsOf: $0) }
      },
      random: SystemRandom(), onListening: { told.yield($0.port ?? 0) })
    let group = ServiceGroup(services: [service], logger: Logger(label: "group") { _ in SwiftLogNoOpLogHandler() })
    self.group = group
    running = Task {
      defer { told.finish() }
      try await group.run()
    }
    port = await addresses.first { _ in true } ?? 0
  }

  /// Ends the server.
  func stop() async {
    await group.triggerGracefulShutdown()
    _ = try? await running.value
    for suffix in [".codes", ".lua", ".log"] { try? FileManager.default.removeItem(atPath: files + suffix) }
  }

  /// The endpoint beside which redemption is measured: the same request is read and checked, and nothing is done.
  private static let idle = Endpoint(
    .post, nothing, "doNothing", "Takes what a redemption takes and does nothing.", access: .anyone,
    body: .object([.init("code", .text(.plain(1...64)), "A code.")]),
    answer: .json(.object([.init("status", .text(.choice(["ok"])), "All is well.")]), "Nothing was done."),
    repetition: .keepsItsAnswer
  ) { _ in .json(["status": "ok"]) }

  /// Has wrk ask for so many seconds, each request with a new code and a new key, and answers how long `count` of them
  /// take at its rate.
  func ask(_ path: String, count: Int, seconds: Int) async throws -> Duration {
    let time = try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread { [self] in
        continuation.resume(with: Result { Duration.seconds(Double(count) / (try rate(path, seconds: seconds))) })
      }
    }
    // wrk leaves in the middle of its last requests; the server does not.
    try await Task.sleep(for: .seconds(1))
    return time
  }

  private func rate(_ path: String, seconds: Int) throws -> Double {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "wrk", "--threads=1", "--connections=\(ServedCodes.connections)", "--duration=\(seconds)s", "--timeout=20s",
      "--script=\(files).lua", "http://127.0.0.1:\(port)\(path)", "--", "\(files).codes",
      String(UInt64.random(in: 0 ... .max), radix: 16),
    ]
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let said = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    guard let match = said.firstMatch(of: /answered ([0-9]+) in ([0-9]+) us, ([0-9]+) amiss/),
      let answered = Double(match.1), let time = Double(match.2), answered > 0, match.3 == "0"
    else { throw MeasurementError("wrk: \(said)") }
    return answered / (time / 1e6)
  }

  private static let script = """
    local codes, number, prefix = {}, 0, ""
    function init(args)
      for line in io.lines(args[1]) do codes[#codes + 1] = line end
      prefix = string.format("%16s", args[2]):gsub(" ", "0")
    end
    function request()
      number = number + 1
      local key = prefix .. string.format("%016x", number)
      local headers = { ["Content-Type"] = "application/json", ["Idempotency-Key"] = key }
      return wrk.format("POST", nil, headers, '{"code":"' .. (codes[number] or "none left") .. '"}')
    end
    function done(summary)
      local e = summary.errors
      print(string.format("answered %d in %d us, %d amiss", summary.requests, summary.duration,
        e.connect + e.read + e.write + e.status + e.timeout))
    end
    """
}
