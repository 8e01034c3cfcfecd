import DriveRig
import Foundation
import Glibc

/// `tgtd` with one file as LUN 1, on a port and a control socket of its own.
final class ReferenceTarget {
  private static let name = "iqn.2026-01.org.example:reference"

  /// Where libiscsi finds it.
  let url: String

  private let daemon = Process()
  private let control = String(Int.random(in: 1_000...30_000))
  private let image = FileManager.default.temporaryDirectory.appending(path: "warifu-\(UUID().uuidString).reference")

  /// Starts it and answers when it takes initiators.
  init(octets: Int) throws {
    let port = Int.random(in: 10_000...30_000)
    url = "iscsi://127.0.0.1:\(port)/\(ReferenceTarget.name)/1"
    guard FileManager.default.createFile(atPath: image.path, contents: nil), truncate(image.path, octets) == 0 else {
      throw MeasurementError("\(image.path) cannot be made.")
    }
    daemon.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    daemon.arguments = ["tgtd", "-f", "--iscsi", "portal=127.0.0.1:\(port)", "-C", control]
    daemon.standardOutput = FileHandle.nullDevice
    daemon.standardError = FileHandle.nullDevice
    try daemon.run()
    do {
      let target = ["--lld", "iscsi", "--mode", "target", "--tid", "1"]
      try tell(["--op", "new"] + target + ["-T", ReferenceTarget.name], until: .now + .seconds(10))
      try tell([
        "--lld", "iscsi", "--op", "new", "--mode", "logicalunit", "--tid", "1", "--lun", "1", "-b", image.path,
      ])
      try tell(["--op", "bind"] + target + ["-I", "ALL"])
    } catch {
      stop()
      throw error
    }
  }

  /// Ends it, and removes its file. It does not heed SIGTERM while it has targets.
  func stop() {
    kill(daemon.processIdentifier, SIGKILL)
    daemon.waitUntilExit()
    try? FileManager.default.removeItem(at: image)
  }

  private func tell(_ words: [String], until deadline: ContinuousClock.Instant = .now) throws {
    while true {
      let answer = try ISCSIProgram.run("tgtadm", ["-C", control] + words)
      if answer.status == 0 { return }
      guard daemon.isRunning, ContinuousClock.now < deadline else {
        throw MeasurementError("tgtd refuses \(words): \(answer.text)")
      }
      usleep(20_000)
    }
  }
}
