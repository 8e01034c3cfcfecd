import DiscEmulator
import DriveFirmware
import DriveRig
import Foundation
import Glibc
import Testing
import TestSupport

/// Other people's NBD clients on our export.
@Suite struct NBDClientTests {
  @Test(arguments: [DiscKind.mb128, .mb230])
  func nbdcopyBringsInAndOutTheSameOctets(kind: DiscKind) throws {
    let bench = try ExportBench(kind)
    try bench.writePattern(to: "in.raw")
    let server = try bench.serve()
    try bench.succeed("nbdcopy", "--flush", "in.raw", server.uri())
    #expect(try bench.blocks() == bench.folder.octets(of: "in.raw"))
    try bench.succeed("nbdcopy", server.uri(), "out.raw")
    try bench.succeed("cmp", "in.raw", "out.raw")
  }

  /// nbdkit's own filters stand before the plugin.
  @Test func filtersOfNbdkitApply() throws {
    let bench = try ExportBench()
    let server = try bench.serve("cow-on-read=false", options: ["--filter=cow"])
    try bench.succeed("qemu-io", "-f", "raw", "-c", "write -P 1 0 1M", "-c", "read -P 1 0 1M", server.uri())
    try server.stop()
    #expect(try bench.blocks().allSatisfy { $0 == 0 })
  }

  /// Killed at any moment, a server loses nothing that it said was flushed, and the image opens again.
  @Test func killingTheServerLosesNothingFlushed() throws {
    let bench = try ExportBench()
    var random = Randomness("killed servers")
    for round in 0..<4 {
      let server = try bench.serve()
      let client = try NBDClient(server.socket)
      let data = random.octets(count: 65_536)
      let offset = UInt64(round) * 100_000
      #expect(try client.ask(.init(NBDClient.Request.write, offset: offset, data: data)).error == 0)
      if round % 2 == 0 {
        #expect(try client.ask(.init(NBDClient.Request.flush)).error == 0)
      } else {
        let last = NBDClient.Request(
          NBDClient.Request.write, offset: offset, flags: NBDClient.Request.forceUnitAccess, data: data)
        #expect(try client.ask(last).error == 0)
      }
      try server.kill()
      let again = try bench.serve()
      let reader = try NBDClient(again.socket)
      #expect(try reader.ask(.init(NBDClient.Request.read, offset: offset, length: 65_536)).data == data)
      reader.disconnect()
      try again.stop()
    }
  }
}
