import DiscEmulator
import DriveFirmware
import SCSI
import Testing

@Suite struct PowerCutTests {
  static let old = pattern(512, seed: 7)
  static let new = pattern(512, seed: 9)

  /// Steps made before power failed, and what the sector then is and gives.
  static let moments: [(Int, SectorState, SenseCode?, [UInt8])] = [
    (0, .good, nil, old), (1, .erased, .blankBlock, []), (2, .halfWritten, .unrecoveredReadError, []),
    (3, .unverified, nil, new), (4, .good, nil, new),
  ]

  @Test(arguments: [false, true]) func everyPassLeavesItsState(onFile: Bool) throws {
    for (steps, state, code, content) in PowerCutTests.moments {
      let bench = try Workbench()
      let surface: any RecordingSurface = onFile ? try manufacture(on: bench) : try memoryDisc()
      try surface.write(BlockRange(first: 30, count: 1), from: PowerCutTests.old.span.bytes)
      let medium = PassMedium(surface)
      let drive = try EmulatedDrive.ready(medium)
      medium.cutPower(after: steps)
      if steps < PassMedium.stepsPerSector {
        #expect { try drive.write(PowerCutTests.new, at: 30) } throws: {
          ($0 as? DriveTransportError)?.code == .powerLost && ($0 as? DriveTransportError)?.discMayHaveChanged == true
        }
        #expect { try drive.execute(.testUnitReady) } throws: {
          ($0 as? DriveTransportError)?.discMayHaveChanged == false
        }
      } else {
        #expect(try drive.write(PowerCutTests.new, at: 30).status == .good)
      }
      #expect(surface.state(of: 30) == state)
      #expect(medium.stepCount == steps)
      drive.powerCycle()
      #expect(try drive.code(.testUnitReady) == .powerOnOrReset)
      let (outcome, data) = try drive.read(1, at: 30)
      #expect(outcome.senseData?.code == code)
      #expect(data == content)
      if code != nil { #expect(outcome.senseData?.firstBadBlock == 30) }
      #expect(try drive.read(1, at: 31).outcome.status == .good, "its neighbour is untouched")
      #expect(try drive.write(PowerCutTests.new, at: 30).status == .good)
      #expect(try drive.read(1, at: 30).data == PowerCutTests.new, "writing it again heals it")
      #expect(surface.state(of: 30) == .good)
    }
  }

  @Test func statesOutliveClosingTheImage() throws {
    for (steps, state, code, content) in PowerCutTests.moments {
      let bench = try Workbench()
      do {
        let disc = try manufacture(on: bench)
        try disc.write(BlockRange(first: 30, count: 1), from: PowerCutTests.old.span.bytes)
        let medium = PassMedium(disc)
        medium.cutPower(after: steps)
        try? medium.write(BlockRange(first: 30, count: 1), from: PowerCutTests.new.span.bytes)
      }
      let disc = try EmulatedDisc(openingAt: bench.path())
      #expect(disc.state(of: 30) == state)
      let drive = try EmulatedDrive.ready(disc)
      let (outcome, data) = try drive.read(3, at: 29)
      #expect(outcome.senseData == code.map { SenseData($0, information: 30) })
      if code == nil { #expect(Array(data.dropFirst(512).prefix(512)) == content) }
      #expect(try drive.code(try #require(.verify(BlockRange(first: 29, count: 3), .none))) == code)
      if code == nil { #expect(disc.state(of: 30) == .good, "verified now") }
    }
  }

  /// Sectors 20 to 29 lie on two tracks of 25: the first track is finished before the second is begun.
  @Test func passesGoTrackByTrack() throws {
    let range = BlockRange(first: 20, count: 10)
    let data = pattern(10 * 512)
    for steps in 0...40 {
      let disc = try memoryDisc()
      let medium = PassMedium(disc)
      medium.cutPower(after: steps)
      try? medium.write(range, from: data.span.bytes)
      let states = (20..<30).map { disc.state(of: $0) }
      let tracks = [min(steps, 20), max(0, steps - 20)].map(PowerCutTests.track)
      #expect(states == tracks[0] + tracks[1], "\(steps) steps")
    }
  }

  /// What `steps` steps make of five sectors of one track, said another way than the medium does.
  static func track(_ steps: Int) -> [SectorState] {
    (0..<5).map { sector in
      switch steps {
      case 0...5: return sector < steps ? .erased : .good
      case 6...15:
        let half = steps - 5 - 2 * sector
        return half >= 2 ? .unverified : half == 1 ? .halfWritten : .erased
      default: return sector < steps - 15 ? .good : .unverified
      }
    }
  }

  @Test func readingAndSynchronisingCostNoStepAndNeedPower() throws {
    let medium = PassMedium(try memoryDisc())
    let drive = try EmulatedDrive.ready(medium)
    medium.cutPower(after: 0)
    #expect(try drive.read(1, at: 0).outcome.status == .good)
    #expect(try drive.code(.synchronizeWholeCache) == nil)
    #expect(throws: DriveTransportError.self) { try drive.write(pattern(512), at: 0) }
    #expect(throws: MediumError.powerLost) { try medium.synchronize() }
    #expect(throws: MediumError.powerLost) { try medium.verify(BlockRange(first: 0, count: 1)) }
  }
}
