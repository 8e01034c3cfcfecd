import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// A chromedriver on a port that was free.
final class Driver: Sendable {
  private let port: Int
  private let process: Int32

  private init(port: Int, process: Int32) { (self.port, self.process) = (port, process) }

  /// It ended before it listened, as it does when somebody takes the port that it found free.
  private struct Ended: Error { var said: String }

  /// Starts one and waits until it says where it listens.
  static func start(in folder: URL) async throws -> Driver {
    var said = ""
    for _ in 1...5 {
      do { return try await startOnce(in: folder) } catch let ended as Ended { said = ended.said }
    }
    throw Browser.Failure(description: "chromedriver ended: \(said)")
  }

  private static func startOnce(in folder: URL) async throws -> Driver {
    let log = folder.appending(path: "driver.log")
    guard FileManager.default.createFile(atPath: log.path, contents: nil) else {
      throw Browser.Failure(description: "no folder")
    }
    let program = Process()
    program.executableURL = URL(fileURLWithPath: "/usr/bin/chromedriver")
    program.arguments = ["--port=0"]
    // Chromium puts more into its home than into its profile.
    program.environment = ProcessInfo.processInfo.environment.merging(
      ["HOME": folder.path, "TMPDIR": folder.path]) { $1 }
    let output = try FileHandle(forWritingTo: log)
    program.standardOutput = output
    program.standardError = output
    program.standardInput = FileHandle.nullDevice
    do { try program.run() } catch {
      throw Browser.Failure(description: "chromedriver does not start; install chromium-driver: \(error)")
    }
    for _ in 0..<600 {
      let said = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
      if let range = said.range(of: "started successfully on port "),
        let port = Int(said[range.upperBound...].prefix { $0.isNumber })
      {
        return Driver(port: port, process: program.processIdentifier)
      }
      guard program.isRunning else { throw Ended(said: said) }
      try await Task.sleep(for: .milliseconds(100))
    }
    kill(program.processIdentifier, SIGKILL)
    throw Browser.Failure(description: "chromedriver says nothing")
  }

  /// Ends it, and its browser with it.
  func stop() async {
    _ = try? await send("GET", "/shutdown")
    kill(process, SIGTERM)
  }

  /// One command: its value.
  func send(_ method: String, _ path: String, _ body: [String: Any]? = nil) async throws -> Any? {
    var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
    request.method = .RAW(value: method)
    request.headers.add(name: "Content-Type", value: "application/json")
    if let body { request.body = .bytes(ByteBuffer(bytes: Array(try JSONSerialization.data(withJSONObject: body)))) }
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(180))
    let octets = try await response.body.collect(upTo: 256 << 20)
    let answer = try JSONSerialization.jsonObject(with: Data(Array(buffer: octets))) as? [String: Any]
    let value = answer?["value"]
    if let problem = value as? [String: Any], let name = problem["error"] as? String {
      let message = (problem["message"] as? String ?? "").prefix(600)
      throw Browser.Failure(description: "\(method) \(path): \(name): \(message)")
    }
    return value is NSNull ? nil : value
  }
}
