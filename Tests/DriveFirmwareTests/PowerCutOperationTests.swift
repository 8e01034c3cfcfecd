import DiscEmulator
import DriveFirmware
import SCSI
import TestSupport
import Testing

/// Power fails in every step of erasing, reassigning and formatting.
@Suite struct PowerCutOperationTests {
  static func surface(onFile: Bool, _ bench: Workbench) throws -> any RecordingSurface {
    let surface: any RecordingSurface = onFile ? try manufacture(on: bench) : try memoryDisc()
    try surface.write(BlockRange(first: 20, count: 10), from: pattern(5120).span.bytes)
    return surface
  }

  static func read(_ surface: any RecordingSurface, _ block: UInt64) throws -> (SenseCode?, [UInt8]) {
    let (outcome, data) = try EmulatedDrive.ready(surface).read(1, at: block)
    return (outcome.senseData?.code, data)
  }

  @Test(arguments: [false, true]) func erasingGoesSectorBySector(onFile: Bool) throws {
    for steps in 0...10 {
      let bench = try Workbench()
      let surface = try PowerCutOperationTests.surface(onFile: onFile, bench)
      let medium = PassMedium(surface)
      medium.cutPower(after: steps)
      if steps < 10 {
        #expect(throws: MediumError.powerLost) { try medium.erase(BlockRange(first: 20, count: 10)) }
      } else {
        try medium.erase(BlockRange(first: 20, count: 10))
      }
      for index in 0..<10 {
        let (code, data) = try PowerCutOperationTests.read(surface, 20 + UInt64(index))
        #expect(code == (index < steps ? .blankBlock : nil))
        if index >= steps { #expect(data == Array(pattern(5120)[(index * 512)..<((index + 1) * 512)])) }
      }
    }
  }

  @Test(arguments: [false, true]) func reassigningIsAllOrNothing(onFile: Bool) throws {
    let all = PassMedium.stepsPerSector + PassMedium.stepsPerDefectList
    for steps in 0...all {
      let bench = try Workbench()
      let surface = try PowerCutOperationTests.surface(onFile: onFile, bench)
      let medium = PassMedium(surface)
      medium.cutPower(after: steps)
      if steps < all {
        #expect(throws: MediumError.powerLost) { try medium.reassign(22) }
      } else {
        try medium.reassign(22)
      }
      #expect(medium.stepCount == steps)
      #expect(surface.defects.grown.map(\.block) == (steps > PassMedium.stepsPerSector ? [22] : []))
      #expect(try PowerCutOperationTests.read(surface, 22) == (nil, Array(pattern(5120)[1024..<1536])))
    }
  }

  @Test(arguments: [false, true]) func formattingIsOldOrCorruptedOrNew(onFile: Bool) throws {
    let sectors = Int(MediumGeometry.mb128.blockCount) * PassMedium.stepsPerSector
    let lists = PassMedium.stepsPerDefectList
    let all = sectors + 2 * lists
    let moments = [
      0, 1, lists, lists + 1, lists + 30, lists + 100, lists + 1234, lists + sectors / 2, lists + sectors - 1,
      lists + sectors,
      lists + sectors + 1, all - 1, all,
    ]
    for steps in moments {
      let bench = try Workbench()
      let surface = try PowerCutOperationTests.surface(onFile: onFile, bench)
      let medium = PassMedium(surface)
      medium.cutPower(after: steps)
      if steps < all {
        #expect(throws: MediumError.powerLost) { try medium.format(FormatRequest(defectiveBlocks: [9])) }
      } else {
        try medium.format(FormatRequest(defectiveBlocks: [9]))
      }
      #expect(medium.stepCount == steps)
      let (code, data) = try PowerCutOperationTests.read(surface, 20)
      if steps == 0 {
        #expect(code == nil && data == Array(pattern(5120)[..<512]))
      } else if steps <= lists + sectors {
        #expect(code == .mediumFormatCorrupted, "\(steps)")
      } else {
        #expect(code == nil && data == [UInt8](repeating: 0, count: 512))
      }
      #expect(surface.defects.primary.count == (steps > lists + sectors ? 1 : 0))
      try surface.format(FormatRequest())
      #expect(try PowerCutOperationTests.read(surface, 20).0 == nil, "formatting again helps")
    }
  }

  /// In the track in which formatting was cut off the passes had come as far as in writing.
  @Test func formattingLeavesItsPassesBehind() throws {
    let disc = try memoryDisc()
    let medium = PassMedium(disc)
    medium.cutPower(after: PassMedium.stepsPerDefectList + 200 + 25 + 3)
    try? medium.format(FormatRequest())
    #expect(disc.state(of: 49) == .good && disc.state(of: 50) == .unverified && disc.state(of: 51) == .halfWritten)
    #expect(disc.state(of: 52) == .erased && disc.state(of: 74) == .erased && disc.state(of: 75) == .good)
  }

  /// A journal goes back to every step of everything that a drive does.
  @Test func journalsReplayEveryOperation() throws {
    let empty = try memoryDisc()
    func run(_ medium: PassMedium) throws {
      try medium.write(BlockRange(first: 3, count: 4), from: pattern(2048).span.bytes)
      try medium.erase(BlockRange(first: 4, count: 2))
      try medium.reassign(6)
      try medium.synchronize()
      try medium.write(BlockRange(first: 6, count: 2), from: pattern(1024, seed: 3).span.bytes)
    }
    let recorded = PassMedium(empty.copy(), isJournaling: true)
    try run(recorded)
    let journal = try #require(recorded.journal)
    #expect(journal.stepCount == recorded.stepCount)
    #expect(journal.unflushed.count == 1)
    for steps in 0...journal.stepCount {
      let live = empty.copy()
      let medium = PassMedium(live)
      medium.cutPower(after: steps)
      try? run(medium)
      let replayed = empty.copy()
      try journal.replay(steps, onto: replayed)
      #expect(RecordingJournalTests.image(replayed) == RecordingJournalTests.image(live), "after \(steps)")
      #expect(replayed.defects == live.defects)
    }
  }

  // MARK: The write cache

  /// Without a cache nothing waits to be made lasting, so that no order but the one of the commands is possible.
  @Test func withoutACacheEverythingIsLasting() throws {
    for isCaching in [true, false] {
      let empty = try memoryDisc()
      let medium = PassMedium(empty.copy(), isJournaling: true)
      medium.isCaching = isCaching
      for number in 0..<6 {
        let data = pattern(512, seed: UInt8(number))
        try medium.write(BlockRange(first: UInt64(10 * number), count: 1), from: data.span.bytes)
      }
      let journal = try #require(medium.journal)
      #expect(journal.unflushed.count == (isCaching ? 6 : 0))
      var orders: Set<[String]> = []
      for seed in UInt64(0)..<20 {
        let disc = empty.copy()
        try journal.replay(journal.stepCount / 2, order: .shuffled(seed: seed), onto: disc)
        orders.insert(RecordingJournalTests.image(disc))
      }
      #expect((orders.count > 1) == isCaching)
    }
  }

  @Test func forcedUnitAccessAndSynchronizingEmptyTheCache() throws {
    let medium = PassMedium(try memoryDisc(), isJournaling: true)
    let drive = try EmulatedDrive.ready(medium)
    #expect(try drive.write(pattern(512), at: 0).status == .good)
    #expect(medium.journal?.unflushed.count == 1)
    let data = pattern(512)
    let forced = try lend(data) {
      try drive.send(.write(BlockRange(first: 1, count: 1), forceUnitAccess: true), $0)
    }
    #expect(forced.status == .good)
    #expect(medium.journal?.unflushed.isEmpty == true)
    #expect(try drive.write(pattern(512), at: 2).status == .good)
    #expect(try drive.code(.synchronizeWholeCache) == nil)
    #expect(medium.journal?.unflushed.isEmpty == true)
  }
}
