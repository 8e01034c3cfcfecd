import DiscEmulator
import DriveFirmware
import DriveRig
import Foundation
import Glibc
import Testing

/// Other people's clients, each on both exports.
@Suite struct BlockClientTests {
  @Test(arguments: ExportWay.allCases)
  func qemuImgConvertsAndCompares(way: ExportWay) throws {
    let bench = try ExportBench()
    try bench.writePattern(to: "in.raw")
    let export = try way.serve(bench)
    try bench.succeed("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", "in.raw", export.uri)
    try bench.succeed("qemu-img", "compare", "-f", "raw", "-F", "raw", "in.raw", export.uri)
    #expect(try bench.blocks() == bench.folder.octets(of: "in.raw"))
    try bench.succeed("qemu-img", "convert", "-f", "raw", "-O", "qcow2", export.uri, "out.qcow2")
    try bench.succeed("qemu-img", "compare", "-f", "qcow2", "-F", "raw", "out.qcow2", "in.raw")
    try export.stop()
  }

  @Test(arguments: ExportWay.allCases, [DiscKind.mb128, .mb640])
  func qemuIOReadsWhatItWrote(way: ExportWay, kind: DiscKind) throws {
    let bench = try ExportBench(kind)
    let export = try way.serve(bench)
    let commands = [
      "write -P 0x11 0 1M", "write -P 0x22 100k 64k", "write -f -P 0x33 3M 2k", "write -P 0x44 5000000 777",
      "write -z 120k 4k", "flush", "read -P 0x11 0 100k", "read -P 0x22 100k 20k", "read -P 0 120k 4k",
      "read -P 0x22 124k 40k", "read -P 0x33 3M 2k", "read -P 0x44 5000000 777", "read -P 0 5000777 100",
    ]
    let outcome = try ForeignProgram.succeed(
      ["qemu-io", "-f", "raw"] + commands.flatMap { ["-c", $0] } + [export.uri], in: bench.folder)
    #expect(!outcome.output.contains("verification failed"), "\(outcome.output)")
    #expect(outcome.output.components(separatedBy: "\nread ").count == 8)
    try export.stop()
  }

  /// fio knows NBD only; to the iSCSI export it goes through qemu's own NBD server.
  @Test(arguments: ExportWay.allCases)
  func fioVerifiesWhatItWrote(way: ExportWay) throws {
    let bench = try ExportBench()
    let export = try way.serve(bench)
    let bridge = try way == .iscsi ? Bridge(to: export.uri, bench) : nil
    for pattern in ["randwrite", "randrw"] {
      try bench.succeed(
        "fio", "--name=verify", "--ioengine=nbd", "--uri=\(bridge?.uri ?? export.uri)", "--rw=\(pattern)", "--bs=4k",
        "--iodepth=16", "--size=8M", "--verify=crc32c", "--do_verify=1", "--verify_fatal=1", "--randseed=3", "--minimal"
      )
    }
    bridge?.program.send(SIGTERM)
    try bridge?.program.wait()
    try export.stop()
  }

  /// qemu-nbd in front of something that qemu can open.
  private struct Bridge {
    let program: ForeignProgram
    let uri: String

    init(to export: String, _ bench: ExportBench) throws {
      let socket = bench.folder("bridge")
      uri = "nbd+unix:///?socket=\(socket)"
      program = try ForeignProgram(
        ["qemu-nbd", "--format=raw", "--persistent", "--shared=4", "--socket=\(socket)", export], in: bench.folder)
      try program.wait(until: "listening") { access(socket, F_OK) == 0 }
    }
  }

  @Test(arguments: ExportWay.allCases)
  func nothingIsWrittenWhereAnythingIsProtected(way: ExportWay) throws {
    let bench = try ExportBench.withProtectedRange()
    let export = try way.serve(bench)
    let outcome = try bench.run(
      "qemu-io", "-f", "raw", "-c", "write -P 1 496k 16k", "-c", "write -P 1 500k 1k", "-c", "read -P 0 0 1M",
      export.uri)
    let text = outcome.output + outcome.complaint
    #expect(text.components(separatedBy: "write failed:").count == 3, "\(text)")
    #expect(!text.contains("verification failed"))
    #expect(text.contains(way == .nbd ? "Operation not permitted" : "failed"))
    try export.stop()
  }

  /// A file system made over an export is the one that ordinary tools find in the image, and back.
  @Test(arguments: ExportWay.allCases, [DiscKind.mb128, .mb640])
  func aFileSystemGoesBothWays(way: ExportWay, kind: DiscKind) throws {
    let bench = try ExportBench(kind)
    let export = try way.serve(bench)
    try bench.succeed("qemu-img", "convert", "-f", "raw", "-O", "raw", export.uri, "copy.raw")
    try bench.succeed("mkfs.vfat", "-S", "\(bench.geometry.blockSize)", "-n", "TALLY", "copy.raw")
    try bench.folder.write(Data("both halves meet".utf8), to: "note.txt")
    try bench.succeed("mcopy", "-i", "copy.raw", "note.txt", "::note.txt")
    try bench.succeed("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", "copy.raw", export.uri)
    try export.stop()
    #expect(try bench.succeed("mtype", "-i", "disc.img@@2M", "::note.txt").output == "both halves meet")
    try bench.folder.write(Data("from beside".utf8), to: "other.txt")
    try bench.succeed("mcopy", "-i", "disc.img@@2M", "other.txt", "::other.txt")
    let again = try way.serve(bench)
    try bench.succeed("qemu-img", "convert", "-f", "raw", "-O", "raw", again.uri, "again.raw")
    #expect(try bench.succeed("mtype", "-i", "again.raw", "::other.txt").output == "from beside")
    try again.stop()
  }
}
