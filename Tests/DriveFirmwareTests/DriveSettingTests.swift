import DiscEmulator
import DriveFirmware
import Octets
import SCSI
import Testing

/// Mode pages, the command table as told, loading and ejecting.
@Suite struct DriveSettingTests {
  private func page(_ code: UInt8, _ values: UInt8, _ bench: DriveBench) throws -> [UInt8] {
    Array(try bench.fetch([0x1A, 0x08, values << 6 | code, 0, 255, 0]).data.dropFirst(4))
  }

  @Test func threeBitsCanBeChanged() throws {
    let bench = try DriveBench()
    for code in [0x01, 0x02, 0x06, 0x08, 0x0A, 0x0B, 0x1A] as [UInt8] {
      let mask = try page(code, 1, bench)
      let expected: [UInt8: (Int, UInt8)] = [0x01: (2, 0x04), 0x08: (2, 0x04), 0x0A: (4, 0x08)]
      for offset in 2..<mask.count {
        #expect(mask[offset] == (expected[code].map { $0.0 == offset ? $0.1 : 0 } ?? 0), "page \(code)")
      }
      #expect(try page(code, 0, bench) == page(code, 2, bench))
      #expect(try bench.select(try page(code, 0, bench)).status == .good, "as it is, it can be put back")
    }
    #expect(try bench.run(.testUnitReady, from: bench.other).status == .good, "nothing changed, nobody is told")
  }

  @Test func whatIsSelectedIsInForceUntilReset() throws {
    let bench = try DriveBench()
    #expect(bench.medium.isCaching)
    #expect(try bench.select(DriveBench.uncached).status == .good)
    #expect(try bench.select(DriveBench.control).status == .good)
    #expect(bench.medium.isCaching == false)
    #expect(try page(0x08, 0, bench)[2] == 0 && page(0x08, 2, bench)[2] == 4)
    #expect(try bench.fetch([0x1A, 0, 0x0A, 0, 255, 0]).data[2] & 0x80 != 0, "WP")
    #expect(try bench.run([0x0A, 0, 0, 3, 1, 0], pattern(512)).senseData == SenseData(.writeProtected, information: 3))
    #expect(try bench.run(.testUnitReady, from: bench.other).senseData?.code == .modeParametersChanged)
    bench.controller.reset(.logicalUnit)
    try bench.run(.testUnitReady)
    #expect(bench.medium.isCaching)
    #expect(try bench.run([0x0A, 0, 0, 3, 1, 0], pattern(512)).status == .good)
  }

  @Test func aListIsTakenAsAWhole() throws {
    let bench = try DriveBench()
    let list = DriveBench.uncached + DriveBench.control.map { $0 == 0x10 ? 0x11 : $0 }
    #expect(try bench.select(list).senseData?.code == .invalidFieldInParameterList)
    #expect(bench.medium.isCaching, "the first page was good, the second was not")
    let long = [0, 0, 0, 0, 0, 0, 0, 8, 0, 3, 0xCB, 0xFA, 0, 0, 2, 0] + DriveBench.uncached
    #expect(try bench.run([0x55, 0x10, 0, 0, 0, 0, 0, 0, UInt8(long.count), 0], long).status == .good)
    #expect(bench.medium.isCaching == false)
  }

  @Test func aDriveMayBeSetToWriteThrough() throws {
    let bench = try DriveBench(DriveConfiguration(isCaching: false))
    #expect(bench.medium.isCaching == false)
    #expect(try page(0x08, 0, bench)[2] == 0)
  }

  @Test func recoveredErrorsAreToldOnlyIfWanted() throws {
    let bench = try DriveBench()
    bench.medium.recovery = .reallocatedWrite(block: 5)
    #expect(try bench.run([0x0A, 0, 0, 5, 1, 0], pattern(512)).status == .good)
    #expect(try bench.select(DriveBench.errorRecovery).status == .good)
    bench.medium.recovery = .correctedRead(block: 5)
    let (outcome, data) = try bench.fetch([0x08, 0, 0, 5, 1, 0])
    #expect(outcome.senseData == SenseData(.readRecoveredByCorrection, information: 5))
    #expect(same(data, pattern(512)), "and the data are there")
  }

  @Test func oneCommandIsToldAsTheTableTells() throws {
    let bench = try DriveBench()
    func ask(_ options: UInt8, _ code: UInt8, _ action: UInt8 = 0) throws -> [UInt8] {
      try bench.fetch([0xA3, 0x0C, options, code, 0, action, 0, 0, 2, 0, 0, 0]).data
    }
    #expect(try ask(1, 0x2A) == [0, 3, 0, 10, 0x2A, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 0xFF, 0xFF, 0])
    #expect(try ask(3, 0x2A) == ask(1, 0x2A))
    #expect(try ask(2, 0x5E, 3).prefix(6) == [0, 3, 0, 10, 0x5E, 0x03])
    #expect(try ask(2, 0x5E, 9) == [0, 1, 0, 0], "no such service action")
    #expect(try ask(1, 0xFF) == [0, 1, 0, 0], "no such command")
    let timed = try ask(0x81, 0x04)
    #expect(timed[1] == 0x83 && timed.count == 4 + 6 + 12)
    #expect(Array(timed.suffix(12)) == [0, 10, 0, 0, 0, 0, 0x02, 0x58, 0, 0, 0x15, 0x18])
    let all = try ask(0, 0)
    let allTimed = try bench.fetch([0xA3, 0x0C, 0x80, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0]).data
    #expect((allTimed.count - 4) % 20 == 0 && all.count == 512, "cut to the allocation")
    #expect(
      try bench.fetch([0xA3, 0x0D, 0x80, 0, 0, 0, 0, 0, 0, 99, 0, 0]).data == [0xDA, 1, 0, 12]
        + .init(repeating: 0, count: 12))
  }

  @Test func pagesTellLimitsAndKind() throws {
    let bench = try DriveBench()
    func page(_ code: UInt8) throws -> [UInt8] { try bench.fetch([0x12, 1, code, 1, 0, 0]).data }
    #expect(try page(0xB0).prefix(6) == [0, 0xB0, 0, 0x3C, 0, 0xFF] && page(0xB0).count == 64)
    #expect(try page(0xB1).prefix(8) == [0, 0xB1, 0, 0x3C, 0x0E, 0x10, 0, 2] && page(0xB1).count == 64)
    #expect(try page(0xB2) == [0, 0xB2, 0, 4, 0, 0, 0, 0])
    #expect(try page(0x86).count == 64)
    let status = try bench.fetch([0x9E, 0x12, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 24, 0, 0]).data
    #expect(status == [0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 3, 0xCB, 0xF4, 0, 0, 0, 0])
  }

  @Test func anEjectedMediumCanBeLoadedAgain() throws {
    let bench = try DriveBench()
    #expect(try bench.run(.startStopUnit(start: false, loadEject: true)).status == .good)
    #expect(try bench.run(.startStopUnit(start: false, loadEject: true)).status == .good, "again: nothing to do")
    #expect(try bench.run(.startStopUnit(start: true)).senseData?.code == .mediumNotPresent, "without LOEJ")
    #expect(try bench.run(.startStopUnit(start: true, loadEject: true)).status == .good)
    #expect(try bench.run(.testUnitReady).status == .good, "who loaded it is told nothing")
    #expect(try bench.run(.testUnitReady, from: bench.other).senseData?.code == .mediumMayHaveChanged)
    #expect(try bench.run(.startStopUnit(start: false, loadEject: true)).status == .good)
    #expect(bench.controller.takeEjected() === bench.medium)
    #expect(try bench.run(.startStopUnit(start: true, loadEject: true)).senseData?.code == .mediumNotPresent)
  }

  @Test func powerConditionsChangeNothing() throws {
    let bench = try DriveBench()
    for condition in 1...15 as ClosedRange<UInt8> {
      #expect(try bench.run([0x1B, 1, 0, 0, condition << 4 | 2, 0]).status == .good)
    }
    #expect(try bench.run(.testUnitReady).status == .good)
  }

  @Test func resetsAbortWhatWaits() throws {
    let bench = try DriveBench()
    let before = (bench.one.taskSetGeneration, bench.other.taskSetGeneration)
    bench.controller.abortTaskSet(of: bench.one)
    #expect(bench.one.taskSetGeneration != before.0 && bench.other.taskSetGeneration == before.1)
    bench.controller.reset(.logicalUnit)
    #expect(bench.other.taskSetGeneration != before.1)
  }
}
