import Foundation
import Glibc
import PCSCRig
import Testing

/// The rig itself: what every other suite here stands on.
@Suite(.noHang) struct PrivateDaemonTests {
  private func readers(of daemon: PrivateDaemon) throws -> Set<String> {
    let said = try run("opensc-tool", ["--list-readers"], environment: daemon.environment).output
    return Set(
      said.split(separator: "\n").compactMap { line in
        line.firstRange(of: "Warifu").map { String(line[$0.lowerBound...]) }
      })
  }

  private func socket(_ daemon: PrivateDaemon) throws -> String {
    try #require(daemon.environment["PCSCLITE_CSOCK_NAME"])
  }

  @Test(arguments: [1, 2, 5, PrivateDaemon.mostSlots]) func hasTheReadersItWasAskedFor(slots: Int) throws {
    let daemon = try PrivateDaemon.start(slots: slots)
    defer { daemon.stop() }
    #expect(daemon.ports.count == slots)
    #expect(Set(daemon.ports).count == slots)
    let there = try readers(of: daemon)
    #expect(there.isSuperset(of: daemon.readers))
    // vpcd brings two at a time.
    #expect(there.count == (slots + 1) / 2 * 2)
  }

  @Test(arguments: [-1, 0, PrivateDaemon.mostSlots + 1]) func refusesImpossibleNumbers(slots: Int) {
    #expect(throws: PrivateDaemonError.self) { try PrivateDaemon.start(slots: slots) }
  }

  @Test func startsAgainAsItWas() throws {
    let daemon = try PrivateDaemon.start(slots: 4)
    defer { daemon.stop() }
    let before = try readers(of: daemon)
    try daemon.restart()
    #expect(try readers(of: daemon) == before)
  }

  @Test func leavesNothing() throws {
    let daemon = try PrivateDaemon.start(slots: 1)
    let folder = URL(fileURLWithPath: try socket(daemon)).deletingLastPathComponent().deletingLastPathComponent().path
    #expect(FileManager.default.fileExists(atPath: folder))
    daemon.stop()
    #expect(!FileManager.default.fileExists(atPath: folder))
  }

  /// The run folder of the machine's daemon is another one.
  @Test func leavesTheMachinesDaemonAlone() throws {
    func entries() -> [String] { (try? FileManager.default.contentsOfDirectory(atPath: "/run/pcscd")) ?? ["none"] }
    let before = entries()
    let daemon = try PrivateDaemon.start(slots: 1)
    defer { daemon.stop() }
    #expect(entries() == before)
  }

  /// Whatever becomes of the process that started it, the daemon does not outlive it.
  @Test func endsWithItsProcess() throws {
    let owner = Process()
    let output = Pipe()
    owner.executableURL = URL(fileURLWithPath: try rigPath())
    owner.arguments = ["daemon", "1"]
    owner.standardOutput = output
    try owner.run()
    let lines = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self).split(separator: "\n")
    let socket = lines.first.map(String.init) ?? ""
    #expect(FileManager.default.fileExists(atPath: socket))
    #expect(lines.count == 2 && lines.last.flatMap { UInt16($0) } != nil)
    kill(owner.processIdentifier, SIGKILL)
    owner.waitUntilExit()
    let folder = URL(fileURLWithPath: socket).deletingLastPathComponent().deletingLastPathComponent().path
    let deadline = ContinuousClock.now + .seconds(120)
    while FileManager.default.fileExists(atPath: folder), .now < deadline { usleep(5_000) }
    #expect(!FileManager.default.fileExists(atPath: folder))
  }
}
