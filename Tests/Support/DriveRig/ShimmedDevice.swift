import Foundation

/// A SCSI device that is not there: programs that open it talk to an iSCSI target, through a shim between them and the C
/// library (Shim/sg-shim.c).
public struct ShimmedDevice: Sendable {
  /// The device's path: `/dev/sd…` seems a block device, `/dev/bsg/…` a bsg device, others an sg device.
  public let path: String
  /// What programs must find in their environment.
  public let environment: [String: String]

  /// A device at a path that is not there, in front of the drive that libiscsi finds at `url`.
  public init(_ path: String = "/dev/sg77", url: String) throws {
    self.path = path
    environment = [
      "LD_PRELOAD": try ShimmedDevice.shim.get().path, "WARIFU_SHIM_DEVICE": path, "WARIFU_SHIM_URL": url,
    ]
  }

  /// Runs a program with the device there.
  public func run(
    _ program: String, _ arguments: [String], environment more: [String: String] = [:]
  ) throws -> ISCSIProgram.Answer {
    try ISCSIProgram.run(program, arguments, environment: environment.merging(more) { $1 })
  }

  /// Runs a program with the device there, which it finds as its last argument; its output, if it succeeds.
  public func output(_ program: String, _ arguments: String...) throws -> String {
    let answer = try run(program, arguments + [path])
    guard answer.status == 0 else {
      throw RigError("\(program) ended with \(answer.status):\n\(answer.text)")
    }
    return answer.text
  }

  /// The shim, made once by the C compiler and kept as long as this process lives.
  private static let shim = Result { try Shim() }

  private final class Shim: Sendable {
    let path: String

    init() throws {
      let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Shim/sg-shim.c")
      path = NSTemporaryDirectory() + "warifu-shim-\(ProcessInfo.processInfo.processIdentifier).so"
      let answer = try ISCSIProgram.run(
        "cc", ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", path, source.path, "-liscsi", "-ldl", "-lpthread"])
      guard answer.status == 0 else { throw RigError("The shim cannot be made (libiscsi-dev?):\n\(answer.text)") }
      // A static is never let go of: the file goes when the process does.
      atexit { unlink(NSTemporaryDirectory() + "warifu-shim-\(getpid()).so") }
    }
  }
}

/// Programs that are built beside the tests.
public enum BuiltProgram {
  /// Where a program is, by its name: beside the test bundle.
  public static func path(_ name: String) throws -> String {
    let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    for candidate in sequence(first: folder, next: { $0.deletingLastPathComponent() }).prefix(4) {
      let path = candidate.appending(path: name).path
      if FileManager.default.isExecutableFile(atPath: path) { return path }
    }
    throw RigError("\(name) is not built.")
  }
}
