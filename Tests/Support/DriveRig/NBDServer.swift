import Foundation
import Glibc

/// An nbdkit of the test's own, with our plugin, at a socket in its folder.
public final class NBDServer: Sendable {
  /// The plugin, built beside the tests.
  public static let plugin: String = {
    let bundle = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    return bundle.deletingLastPathComponent().appending(path: "libwarifu-nbd.so").path
  }()

  /// The socket.
  public let socket: String
  /// nbdkit.
  public let program: ForeignProgram

  /// Starts nbdkit; returns when clients may come.
  ///
  /// - Parameters:
  ///   - parameters: the plugin's, such as `disc=d.img`.
  ///   - plugin: what serves; ours unless told.
  ///   - options: nbdkit's own.
  public init(
    _ parameters: [String], plugin: String = NBDServer.plugin, options: [String] = [], in folder: PrivateFolder
  ) throws {
    let name = "nbd\(UInt32.random(in: 0...UInt32.max))"
    let ready = folder(name + ".pid")
    socket = folder(name)
    program = try ForeignProgram(
      ["nbdkit", "--foreground", "--exit-with-parent", "--unix", socket, "--pidfile", ready] + options + [plugin]
        + parameters, in: folder)
    try program.wait(until: "ready") { access(ready, F_OK) == 0 }
  }

  /// The NBD URI of an export.
  public func uri(_ export: String = "") -> String { "nbd+unix:///\(export)?socket=\(socket)" }

  /// Ends nbdkit as an administrator does, and waits for that.
  @discardableResult
  public func stop() throws -> ProgramOutcome {
    program.send(SIGTERM)
    return try program.wait()
  }

  /// Kills nbdkit, and waits for that.
  public func kill() throws {
    program.send(SIGKILL)
    try program.wait()
  }
}
