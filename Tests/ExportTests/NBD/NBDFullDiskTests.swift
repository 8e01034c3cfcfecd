import DriveFirmware
import DriveRig
import Foundation
import Glibc
import Testing

@Suite struct NBDFullDiskTests {
  private typealias Request = NBDClient.Request

  /// On a file system without room for all blocks, a client hears ENOSPC, keeps what it has, and can go on.
  @Test func aFullFileSystemIsNamed() throws {
    let bench = try ExportBench()
    let (socket, ready) = (bench.folder("socket"), bench.folder("ready"))
    let script = """
      mkdir small && mount -t tmpfs -o size=4m tmpfs small && cp --sparse=always disc.img small/ &&
      exec nbdkit -f --unix "$1" --pidfile "$2" "$3" disc=small/disc.img
      """
    // A mount namespace of its own: root's, or a user's.
    let namespaces = geteuid() == 0 ? ["--mount"] : ["--map-root-user", "--mount"]
    let program = try ForeignProgram(
      ["unshare"] + namespaces + ["sh", "-c", script, "sh", socket, ready, NBDServer.plugin], in: bench.folder)
    try program.wait(until: "ready") { access(ready, F_OK) == 0 }
    let client = try NBDClient(socket)
    let data = [UInt8](repeating: 0x77, count: 65_536)
    var written: UInt64 = 0
    var error: UInt32 = 0
    while error == 0, written < client.size {
      error = try client.ask(Request(Request.write, offset: written, data: data)).error
      if error == 0 { written += UInt64(data.count) }
    }
    #expect(error == UInt32(ENOSPC))
    #expect(written > 1 << 20)
    #expect(try client.ask(Request(Request.write, offset: 0, data: data)).error == 0)
    #expect(try client.ask(Request(Request.read, offset: written - 65_536, length: 65_536)).data == data)
    #expect(try client.ask(Request(Request.read, offset: client.size, length: 1)).error != UInt32(ENOSPC))
    client.disconnect()
    program.send(SIGTERM)
    #expect(try program.wait().complaint.contains("free some space"))
  }
}
