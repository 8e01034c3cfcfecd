import DiscEmulator
import DriveFirmware
import Octets
import SCSI
import Testing

/// Commands that write what depends on what is there, or work on sectors.
@Suite struct BlockCommandTests {
  private func blocks(_ first: UInt8, _ count: UInt8, _ bench: DriveBench) throws -> [UInt8] {
    try bench.fetch([0x08, 0, 0, first, count, 0]).data
  }

  @Test func compareAndWriteWritesWhenAllIsTheSame() throws {
    let bench = try DriveBench()
    let cdb: [UInt8] = [0x89, 0, 0, 0, 0, 0, 0, 0, 0, 50, 0, 0, 0, 200, 0, 0]
    let old = [UInt8](repeating: 0, count: 200 * 512)
    let new = pattern(200 * 512)
    #expect(try bench.run(cdb, old + new).status == .good)
    #expect(same(try blocks(50, 200, bench), new))
    var almost = new
    almost[199 * 512 + 3] ^= 1
    #expect(
      try bench.run(cdb, almost + old).senseData
        == SenseData(.miscompareDuringVerify, information: UInt64(199 * 512 + 3)))
    #expect(same(try blocks(50, 200, bench), new))
  }

  @Test func orWriteSetsBits() throws {
    let bench = try DriveBench()
    let old = pattern(200 * 512)
    let data = pattern(200 * 512, seed: 77)
    #expect(try bench.run([0x0A, 0, 0, 9, 200, 0], old).status == .good)
    #expect(try bench.run([0x8B, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 200, 0, 0], data).status == .good)
    #expect(same(try blocks(9, 200, bench), zip(old, data).map { $0 | $1 }))
  }

  @Test func writeSameFillsToTheEnd() throws {
    let bench = try DriveBench()
    let block = pattern(512)
    // 0x03CBF0 is 10 blocks before the end; a count of 0 means all of them.
    #expect(try bench.run([0x41, 0, 0, 0x03, 0xCB, 0xF0, 0, 0, 0, 0], block).status == .good)
    let end = try bench.fetch([0x28, 0, 0, 0x03, 0xCB, 0xEF, 0, 0, 11, 0]).data
    #expect(same(end, [UInt8](repeating: 0, count: 512) + (0..<10).flatMap { _ in block }))
    #expect(try bench.run([0x93, 1, 0, 0, 0, 0, 0, 0x03, 0xCB, 0xF0, 0, 0, 0, 10, 0, 0]).status == .good)
    #expect(same(try bench.fetch([0x28, 0, 0, 0x03, 0xCB, 0xF0, 0, 0, 10, 0]).data, .init(repeating: 0, count: 5120)))
  }

  @Test func erasedBlocksAreBlankUntilWritten() throws {
    let bench = try DriveBench()
    #expect(try bench.run([0x2C, 0, 0, 0, 0, 20, 0, 0, 5, 0]).status == .good)
    #expect(try bench.fetch([0x08, 0, 0, 18, 9, 0]).outcome.senseData == SenseData(.blankBlock, information: 20))
    #expect(try bench.run([0x38, 0x10, 0, 0, 0, 20, 0, 0, 0, 0]).status == .conditionMet)
    let sense = try bench.fetch([0x03, 0, 0, 0, 18, 0]).data
    #expect(try SenseData(parsing: sense.span.bytes) == SenseData(.scanSatisfied, information: 25))
    let again = try bench.fetch([0x03, 0, 0, 0, 18, 0]).data
    #expect(try SenseData(parsing: again.span.bytes) == SenseData(.noSense), "told once")
    // Six blank blocks in a row are not there, five are.
    #expect(try bench.run([0x38, 0, 0, 0, 0, 0, 0, 0, 8, 0], [0, 0, 0, 6, 0, 0, 1, 0]).status == .good)
    #expect(try bench.run([0x38, 0, 0, 0, 0, 0, 0, 0, 8, 0], [0, 0, 0, 5, 0, 0, 1, 0]).status == .conditionMet)
    #expect(try bench.run([0x0A, 0, 0, 20, 5, 0], pattern(5 * 512)).status == .good)
    #expect(same(try blocks(20, 5, bench), pattern(5 * 512)))
  }

  @Test func reassignedBlocksAreInTheGrownList() throws {
    let bench = try DriveBench()
    #expect(try bench.run([0x0A, 0, 0, 100, 1, 0], pattern(512)).status == .good)
    #expect(try bench.run([0x07, 0, 0, 0, 0, 0], [0, 0, 0, 8, 0, 0, 0, 100, 0, 0, 0, 101]).status == .good)
    #expect(same(try blocks(100, 1, bench), pattern(512)))
    let short = try bench.fetch([0x37, 0, 0x08, 0, 0, 0, 0, 0, 100, 0]).data
    #expect(short == [0, 0x08, 0, 8, 0, 0, 0, 100, 0, 0, 0, 101])
    let long = try bench.fetch([0xB7, 0x1B, 0, 0, 0, 1, 0, 0, 0, 100, 0, 0]).data
    #expect(long == [0, 0x1B, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 101], "from the second on")
    let physical = try bench.fetch([0x37, 0, 0x0D, 0, 0, 0, 0, 0, 100, 0]).data
    #expect(physical == [0, 0x0D, 0, 16, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 1])
    #expect(try bench.fetch([0x37, 0, 0x08, 0, 0, 0, 0, 0, 7, 0]).data == Array(short.prefix(7)), "cut anywhere")
    #expect(try bench.fetch([0x37, 0, 0x01, 0, 0, 0, 0, 0, 32, 0]).data == [0, 5, 0, 0], "no list is wanted")
  }

  @Test func formattingClearsListsAndFillsBlocks() throws {
    let bench = try DriveBench()
    try bench.run([0x0A, 0, 0, 100, 1, 0], pattern(512))
    try bench.run([0x07, 0, 0, 0, 0, 0], [0, 0, 0, 4, 0, 0, 0, 100])
    // CMPLST; FOV and IP with a pattern of two octets; block 200 is defective.
    let list: [UInt8] = [0, 0x88, 0, 4, 0, 1, 0, 2, 0xAB, 0xCD, 0, 0, 0, 200]
    #expect(try bench.run([0x04, 0x18, 0, 0, 0, 0], list).status == .good)
    #expect(same(try blocks(100, 1, bench), (0..<256).flatMap { _ in [0xAB, 0xCD] }))
    #expect(try bench.fetch([0x37, 0, 0x08, 0, 0, 0, 0, 0, 100, 0]).data == [0, 0x08, 0, 0])
    let primary = try bench.fetch([0x37, 0, 0x10, 0, 0, 0, 0, 0, 100, 0]).data
    #expect(primary == [0, 0x10, 0, 4, 0, 0, 0, 200])
    #expect(try bench.run([0x04, 0, 0, 0, 0, 0]).status == .good)
    #expect(bench.controller.medium?.factoryRecord.mediumID == mediumID)
  }

  @Test func transportsThatTellResidualsMoveWhatThereIs() throws {
    let bench = try DriveBench()
    let nexus = bench.controller.connect(InitiatorIdentity(local: 99), reportsResiduals: true)
    try bench.run(.testUnitReady, from: nexus)
    let data = pattern(3 * 512)
    #expect(try bench.run([0x0A, 0, 0, 5, 3, 0], Array(data.prefix(1200)), from: nexus).status == .good)
    #expect(same(try blocks(5, 3, bench), Array(data.prefix(1024)) + [UInt8](repeating: 0, count: 512)))
    let (outcome, read) = try bench.fetch([0x08, 0, 0, 5, 3, 0], 700, from: nexus)
    #expect(outcome.status == .good && outcome.transferred == 700)
    #expect(same(read, Array(data.prefix(700))))
    #expect(try bench.fetch([0x08, 0, 0, 5, 3, 0], 0, from: nexus).outcome.transferred == 0)
    #expect(try bench.run([0x2E, 2, 0, 0, 0, 5, 0, 0, 3, 0], data, from: nexus).status == .good)
  }
}
