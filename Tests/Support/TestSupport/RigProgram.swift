import Foundation
import Glibc

/// The program `center-rig`, which works in a process of its own so that it may be killed in front of one of its writes.
public enum RigProgram {
  /// Why it cannot be run.
  public struct Missing: Error, CustomStringConvertible {
    /// What is missing.
    public let description: String
  }

  /// The program, beside the test bundle.
  public static func path() throws -> String {
    let folder = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    for candidate in sequence(first: folder, next: { $0.deletingLastPathComponent() }).prefix(4) {
      let path = candidate.appending(path: "center-rig").path
      if FileManager.default.isExecutableFile(atPath: path) { return path }
    }
    throw Missing(description: "center-rig is not built")
  }

  /// What is added to its environment so that it is killed in front of a write.
  ///
  /// - Parameter write: which one, from 0; `nil` if it only counts them.
  public static func killing(at write: Int?) throws -> [String: String] {
    ProcessInfo.processInfo.environment.merging(
      ["LD_PRELOAD": try shim.get(), "WARIFU_KILL_AT": String(write ?? -1)]) { $1 }
  }

  /// The shim, made once by the C compiler and kept as long as this process lives.
  private static let shim = Result {
    let source = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../CenterRig/Shim/kill-shim.c").standardizedFileURL
    let path = shimPath()
    let compiler = Process()
    compiler.executableURL = URL(filePath: "/usr/bin/env")
    compiler.arguments = ["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", path, source.path, "-ldl"]
    try compiler.run()
    compiler.waitUntilExit()
    guard compiler.terminationStatus == 0 else { throw Missing(description: "the shim cannot be made") }
    atexit { unlink(RigProgram.shimPath()) }
    return path
  }

  private static func shimPath() -> String { NSTemporaryDirectory() + "warifu-kill-\(getpid()).so" }
}
