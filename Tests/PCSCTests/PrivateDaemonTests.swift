import CPCSC
import Foundation
import PCSCRig
import Testing

/// The rig itself: what every other suite here stands on.
@Suite(.serialized) struct PrivateDaemonTests {
  @Test func itHasTheReadersItWasAskedFor() throws {
    let daemon = try PrivateDaemon.start(slots: 5)
    defer { daemon.stop() }
    #expect(daemon.ports.count == 5)
    #expect(Set(daemon.ports).count == 5)
    print(daemon.readers, daemon.ports, daemon.environment)
  }
  @Test func restart() throws {
    let daemon = try PrivateDaemon.start(slots: 16)
    let a = ContinuousClock.now
    try daemon.restart()
    print(ContinuousClock.now - a)
    daemon.stop()
    print(ContinuousClock.now - a)
  }
  @Test func left() throws {
    _ = try PrivateDaemon.start(slots: 1)
  }
}
