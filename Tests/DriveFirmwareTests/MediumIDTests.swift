import DiscEmulator
import DriveFirmware
import SCSI
import TestSupport
import Testing

@Suite struct MediumIDTests {
  /// Every operation code, with everything that might make it a write to the factory record.
  @Test(arguments: [PeripheralType.opticalMemory, .directAccess])
  func M3_idWriteFailsByEveryCommand(_ type: PeripheralType) throws {
    let bench = try Workbench()
    let disc = try manufacture(on: bench)
    let drive = try EmulatedDrive.ready(disc, DriveConfiguration(peripheralType: type))
    let seed = Randomness("M3_idWriteFailsByEveryCommand").seed
    var grammar = CDBGrammar(random: SeededGenerator(seed: seed))
    let addresses = CDBGrammar.addresses(
      UInt64(disc.geometry.blockCount), blockSize: UInt64(disc.geometry.blockSize), dataOffset: EmulatedDisc.dataOffset)
    let factoryBytes = bench.contents(of: bench.path(), from: 8192, count: 8192)
    let data = [UInt8](repeating: 0xEE, count: 256 * 512)
    var room = [UInt8](repeating: 0, count: 256 * 512)
    var writesDone = 0

    for code in UInt8.min...UInt8.max {
      for _ in 0..<soak(40, 400) {
        if drive.medium == nil { try drive.insert(disc) }
        let cdb = grammar.cdb(code, addresses: addresses)
        var span = room.mutableSpan
        var bytes = span.mutableBytes
        let outcome = try drive.execute(cdb: cdb.span.bytes, dataOut: data.span.bytes, dataIn: &bytes)
        // MEDIUM SCAN answers CONDITION MET for what it finds, PERSISTENT RESERVE OUT a conflict, both without sense data.
        let needsSense = ![.good, .conditionMet, .reservationConflict].contains(outcome.status)
        #expect(!needsSense || outcome.senseData != nil, "\(outcome.status) of \(cdb)")
        if outcome.status == .good, [0x0A, 0x2A, 0x2E, 0x8A, 0xAA].contains(code) { writesDone += 1 }
        if code != 0x1B, outcome.senseData?.code == .initializingCommandRequired {
          _ = try drive.execute(.startStopUnit(start: true))
        }
      }
      let isUntouched = bench.contents(of: bench.path(), from: 8192, count: 8192) == factoryBytes
      try #require(isUntouched, "operation code \(code)")
    }

    #expect(writesDone > 0, "blocks were written meanwhile")
    if drive.medium == nil { try drive.insert(disc) }
    drive.powerCycle()
    _ = try drive.execute(.testUnitReady)
    #expect(try drive.fetch(.readMediaSerialNumber(), upTo: 260).data == [0, 0, 0, 16] + mediumID)
    #expect(disc.factoryRecord.signature == [1, 2, 3])
  }

  /// No block of the disc lies over the factory record: writing all of them changes nothing of it.
  @Test func M3_writingTheWholeDiscLeavesTheID() throws {
    let bench = try Workbench()
    let drive = try EmulatedDrive.ready(try manufacture(on: bench))
    let before = bench.contents(of: bench.path(), count: Int(EmulatedDisc.dataOffset))
    let data = [UInt8](repeating: 0xEE, count: 2048 * 512)
    var next: UInt64 = 0
    let total = UInt64(MediumGeometry.mb128.blockCount)
    while next < total {
      let count = min(2048, total - next)
      #expect(try drive.write(Array(data.prefix(Int(count) * 512)), at: next).status == .good)
      next += count
    }
    let isUntouched = bench.contents(of: bench.path(), count: Int(EmulatedDisc.dataOffset)) == before
    #expect(isUntouched)
    #expect(try drive.fetch(.readMediaSerialNumber(), upTo: 260).data.suffix(16) == mediumID[...])
  }

  @Test func randomIDsComeFromTheGivenSource() throws {
    let bench = try Workbench()
    var asked: [Int] = []
    let disc = try EmulatedDisc.manufacture(at: bench.path(), geometry: .mb230, manufactured: 7) { buffer in
      asked.append(buffer.count)
      for index in buffer.indices { buffer[index] = UInt8(index) }
    }
    #expect(asked == [16])
    #expect(disc.factoryRecord.mediumID == Array(0..<16))
    #expect(disc.factoryRecord.manufactured == 7)
  }
}
