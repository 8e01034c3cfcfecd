import DiscEmulator
import DriveFirmware
import DriveRig
import Foundation
import Glibc
import SCSI
import Testing

@Suite struct NBDProtectionTests {
  private typealias Request = NBDClient.Request

  /// Blocks 1,000 to 1,015 are protected: every kind of write that touches one is refused whole.
  @Test(arguments: [DiscKind.mb128, .mb640])
  func nothingIsWrittenWhereAnythingIsProtected(kind: DiscKind) throws {
    let bench = try ExportBench.withProtectedRange(kind)
    let size = UInt64(bench.geometry.blockSize)
    let (first, end) = (1_000 * size, 1_016 * size)
    let server = try bench.serve()
    let client = try NBDClient(server.socket)
    let before = try bench.blocks()
    let places: [(UInt64, UInt64)] = [
      (first, size), (end - size, size), (first - size, 2 * size), (end - size, 2 * size), (0, 2 * end),
      (first - 1, 2), (first + 5, 7), (end - 1, 1), (first - 10 * size + 3, 10 * size), (0, first + 1),
    ]
    for (offset, count) in places {
      for flags: UInt16 in [0, Request.forceUnitAccess] {
        let data = [UInt8](repeating: 0xA5, count: Int(count))
        #expect(try client.ask(Request(Request.write, offset: offset, flags: flags, data: data)).error == UInt32(EPERM))
        let zero = Request(Request.zero, offset: offset, length: UInt32(count), flags: flags)
        #expect(try client.ask(zero).error == UInt32(EPERM))
      }
    }
    #expect(try bench.blocks() == before)
    // Up to the range and from its end on, everything may be written.
    for offset in [first - size, end] {
      let data = [UInt8](repeating: 0x5A, count: Int(size))
      #expect(try client.ask(Request(Request.write, offset: offset, data: data)).error == 0)
      #expect(try client.ask(Request(Request.read, offset: offset, length: UInt32(size))).data == data)
    }
    client.disconnect()
    #expect(try server.stop().complaint.contains("block 1000 is write protected; nothing was written"))
  }

  @Test func qemuIsToldThatTheOperationIsNotPermitted() throws {
    let bench = try ExportBench.withProtectedRange()
    let server = try bench.serve()
    let outcome = try bench.run(
      "qemu-io", "-f", "raw", "-c", "write -P 1 496k 16k", "-c", "write -z 0 1M", "-c", "read -P 0 0 1M", server.uri())
    #expect((outcome.output + outcome.complaint).components(separatedBy: "Operation not permitted").count == 3)
    #expect(!outcome.output.contains("verification failed"))
  }

  /// What was not written since its erase pass cannot be read, and can be written.
  @Test func anErasedBlockIsAnErrorUntilItIsWritten() throws {
    let bench = try ExportBench()
    try {
      let disc = try EmulatedDisc(openingAt: bench.folder("disc.img"))
      try disc.mark(.init(first: 5, count: 1), as: .erased)
    }()
    let server = try bench.serve()
    defer { withExtendedLifetime(server) {} }
    let client = try NBDClient(server.socket)
    #expect(try client.ask(Request(Request.read, offset: 4 * 512, length: 1_024)).error == UInt32(EIO))
    #expect(try client.ask(Request(Request.write, offset: 5 * 512 + 1, data: [1])).error == UInt32(EIO))
    #expect(try client.ask(Request(Request.write, offset: 5 * 512, data: [UInt8](repeating: 1, count: 512))).error == 0)
    #expect(try client.ask(Request(Request.read, offset: 4 * 512, length: 1_024)).error == 0)
  }
}
