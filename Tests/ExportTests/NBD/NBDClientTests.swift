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

  @Test func qemuImgConvertsAndCompares() throws {
    let bench = try ExportBench()
    try bench.writePattern(to: "in.raw")
    let server = try bench.serve()
    try bench.succeed("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", "in.raw", server.uri())
    try bench.succeed("qemu-img", "compare", "-f", "raw", "-F", "raw", "in.raw", server.uri())
    try bench.succeed("qemu-img", "convert", "-f", "raw", "-O", "qcow2", server.uri(), "out.qcow2")
    try bench.succeed("qemu-img", "compare", "-f", "qcow2", "-F", "raw", "out.qcow2", "in.raw")
    #expect(try bench.run("cmp", "in.raw", "disc.img").status == 1)
  }

  @Test(arguments: [DiscKind.mb128, .mb640])
  func qemuIOReadsWhatItWrote(kind: DiscKind) throws {
    let bench = try ExportBench(kind)
    let server = try bench.serve()
    let outcome = try bench.succeed(
      "qemu-io", "-f", "raw", "-c", "write -P 0x11 0 1M", "-c", "write -P 0x22 100k 64k", "-c",
      "write -f -P 0x33 3M 2k",
      "-c", "write -P 0x44 5000000 777", "-c", "write -z 120k 4k", "-c", "flush", "-c", "read -P 0x11 0 100k",
      "-c", "read -P 0x22 100k 20k", "-c", "read -P 0 120k 4k", "-c", "read -P 0x22 124k 40k", "-c",
      "read -P 0x33 3M 2k",
      "-c", "read -P 0x44 5000000 777", "-c", "read -P 0 5000777 100", server.uri())
    #expect(!outcome.output.contains("verification failed"), "\(outcome.output)")
  }

  @Test func fioVerifiesWhatItWrote() throws {
    let bench = try ExportBench()
    let server = try bench.serve()
    for pattern in ["randwrite", "randrw"] {
      try bench.succeed(
        "fio", "--name=verify", "--ioengine=nbd", "--uri=\(server.uri())", "--rw=\(pattern)", "--bs=4k", "--iodepth=16",
        "--size=16M", "--verify=crc32c", "--do_verify=1", "--verify_fatal=1", "--randseed=3", "--minimal")
    }
  }

  /// A file system made over NBD is the one that ordinary tools find in the image, and back.
  @Test(arguments: [DiscKind.mb128, .mb640])
  func aFileSystemGoesBothWays(kind: DiscKind) throws {
    let bench = try ExportBench(kind)
    let server = try bench.serve()
    try bench.succeed("nbdcopy", server.uri(), "copy.raw")
    try bench.succeed("mkfs.vfat", "-S", "\(bench.geometry.blockSize)", "-n", "TALLY", "copy.raw")
    try bench.folder.write(Data("both halves meet".utf8), to: "note.txt")
    try bench.succeed("mcopy", "-i", "copy.raw", "note.txt", "::note.txt")
    try bench.succeed("nbdcopy", "--flush", "copy.raw", server.uri())
    try server.stop()
    #expect(try bench.succeed("mtype", "-i", "disc.img@@2M", "::note.txt").output == "both halves meet")
    try bench.folder.write(Data("from beside".utf8), to: "other.txt")
    try bench.succeed("mcopy", "-i", "disc.img@@2M", "other.txt", "::other.txt")
    let again = try bench.serve()
    try bench.succeed("nbdcopy", again.uri(), "again.raw")
    try again.stop()
    #expect(try bench.succeed("mtype", "-i", "again.raw", "::other.txt").output == "from beside")
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
