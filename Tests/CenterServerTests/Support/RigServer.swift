import Foundation
import Synchronization
import TestSupport

/// `center-rig serve` in a process of its own, which may be killed in front of one of its writes.
final class RigServer: Sendable {
  struct Failure: Error, CustomStringConvertible { var description: String }

  /// Where it listens; `nil` if it was killed before it did.
  let port: Int?
  private let identifier: Int32
  private let ended: Mutexed<Bool>
  private let ending: Task<(wasKilled: Bool, complaint: String), any Error>

  /// - Parameters:
  ///   - database: the URL of its database; that in its folder if left out.
  ///   - write: in front of which of its writes it is killed, from 0.
  ///   - token: what somebody at the counter is known by, if there is somebody.
  static func start(
    _ folder: String, database: String? = nil, killAt write: Int? = nil, token: String? = nil
  ) async throws -> RigServer {
    let (path, environment) = (try RigProgram.path(), try RigProgram.killing(at: write))
    let (events, told) = AsyncThrowingStream.makeStream(of: (Int?, Int32).self)
    let ended = Mutexed<Bool>()
    let ending = Task { () -> (wasKilled: Bool, complaint: String) in
      try await onThread {
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = ["serve", folder, "0"] + [database].compactMap { $0 }
        process.environment = environment
        let (input, output, errors) = (Pipe(), Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        process.standardError = errors
        do { try process.run() } catch {
          told.finish(throwing: error)
          throw error
        }
        let lines = ["correct horse", token].compactMap { $0 }.map { $0 + "\n" }.joined()
        try? input.fileHandleForWriting.write(contentsOf: Data(lines.utf8))
        try? input.fileHandleForWriting.close()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        told.yield(
          (
            line.split(separator: " ").last.flatMap { Int($0.trimmingCharacters(in: .newlines)) },
            process.processIdentifier
          ))
        told.finish()
        let complaint = String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        let wasKilled = process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGKILL
        ended.set(true)
        if !wasKilled, process.terminationStatus != 0 { throw Failure(description: "the server failed: \(complaint)") }
        return (wasKilled, complaint)
      }
    }
    for try await (port, identifier) in events { return RigServer(port, identifier, ending, ended) }
    throw Failure(description: "the server did not start")
  }

  private init(
    _ port: Int?, _ identifier: Int32, _ ending: Task<(wasKilled: Bool, complaint: String), any Error>,
    _ ended: Mutexed<Bool>
  ) {
    self.ended = ended
    self.port = port
    self.identifier = identifier
    self.ending = ending
  }

  /// Whether it has ended, however it did.
  var hasEnded: Bool { ended.value == true }

  /// Kills it: nothing of it runs any more when this returns.
  func crash() async throws {
    kill(identifier, SIGKILL)
    _ = try await ending.value
  }

  /// Tells it to stop, and waits until it has.
  func stop() async throws {
    kill(identifier, SIGTERM)
    _ = try await ending.value
  }

  /// Waits for its end, and says whether it was killed.
  func end() async throws -> Bool { try await ending.value.wasKilled }
}
