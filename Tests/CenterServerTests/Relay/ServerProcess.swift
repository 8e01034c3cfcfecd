import Foundation
import Glibc
import Synchronization
import TestSupport

/// A server in a process of its own, which is killed and started again on the same port.
final class ServerProcess: Sendable {
  struct Failure: Error, CustomStringConvertible { var description: String }

  let port: Int
  private let arguments: [String]
  private let process = Mutex<Process?>(nil)
  private let isOver = Mutex(false)

  /// Starts a server of the centre of `bench`.
  ///
  /// - Parameter killAt: in front of which of its writes it kills itself, from 0; it is started again as soon as it has.
  init(_ folder: String, database: String?, killAt write: Int? = nil) throws {
    port = try ServerProcess.freePort()
    arguments = ["serve", folder, "\(port)"] + (database.map { [$0] } ?? [])
    try start(killAt: write)
  }

  /// Kills the server at once and starts it anew.
  func restart() throws {
    process.withLock { process in
      guard let process else { return }
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    try start(killAt: nil)
  }

  /// Ends the server for good.
  func stop() {
    isOver.withLock { $0 = true }
    process.withLock { process in
      guard let process else { return }
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
  }

  /// Whether the server killed itself since it was started first.
  var wasKilled: Bool { kills.withLock { $0 } }
  private let kills = Mutex(false)

  private func start(killAt write: Int?) throws {
    let server = Process()
    server.executableURL = URL(filePath: try RigProgram.path())
    server.arguments = arguments
    if let write { server.environment = try RigProgram.killing(at: write) }
    let (input, output) = (Pipe(), Pipe())
    server.standardInput = input
    server.standardOutput = output
    server.standardError = FileHandle.nullDevice
    if write != nil {
      server.terminationHandler = { [self] ended in
        guard ended.terminationReason == .uncaughtSignal, !isOver.withLock({ $0 }) else { return }
        kills.withLock { $0 = true }
        try? start(killAt: nil)
      }
    }
    try server.run()
    process.withLock { $0 = server }
    try input.fileHandleForWriting.write(
      contentsOf: Data("\(RelayBench.passphrase)\n\(RelayBench.token)\n".utf8))
    try input.fileHandleForWriting.close()
    let said = output.fileHandleForReading.availableData
    guard write != nil || String(decoding: said, as: UTF8.self).hasPrefix("listening") else {
      throw Failure(description: "the server does not listen")
    }
  }

  private static func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let size = length
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(descriptor, pointer, size) == 0 && getsockname(descriptor, pointer, &length) == 0
      }
    }
    guard result else { throw Failure(description: "no port") }
    return Int(UInt16(bigEndian: address.sin_port))
  }
}
