import DiscEmulator
import DriveFirmware
import SCSI
import TestSupport
import Testing

/// Sectors that go bad by plan, and what becomes of the blocks on them: on both kinds of discs the same.
@Suite struct DefectTests {
  /// A disc, on a bench if it is a file.
  struct Disc {
    let bench: Workbench
    let surface: any RecordingSurface
    let drive: EmulatedDrive

    init(onFile: Bool, _ geometry: MediumGeometry = .mb128, _ faults: MediumFaults = MediumFaults()) throws {
      bench = try Workbench()
      if onFile {
        let disc = try manufacture(on: bench, geometry)
        disc.plan(faults)
        surface = disc
      } else {
        let disc = try memoryDisc(geometry)
        disc.plan(faults)
        surface = disc
      }
      drive = try EmulatedDrive.ready(surface)
    }

    init(onFile: Bool, _ text: String) throws { try self.init(onFile: onFile, .mb128, MediumFaults(parsing: text)) }

    func write(_ count: Int = 1, at block: UInt64, seed: UInt8 = 1) throws -> SenseData? {
      try drive.write(pattern(count * 512, seed: seed), at: block).senseData
    }

    /// Writes past the drive, which would take up and report what was recovered from.
    func recovery(writing count: Int, at block: UInt64, seed: UInt8 = 1) throws -> MediumRecovery? {
      let data = pattern(count * 512, seed: seed)
      try surface.write(BlockRange(first: block, count: UInt32(count)), from: data.span.bytes)
      return surface.takeRecovery()
    }

    func read(_ count: UInt32 = 1, at block: UInt64) throws -> SenseData? {
      try drive.read(count, at: block).outcome.senseData
    }
  }

  static func blocks(_ first: UInt64, _ count: UInt32 = 1) -> BlockRange { BlockRange(first: first, count: count) }

  // MARK: Faults

  @Test(arguments: [false, true]) func unreadableSectorsFailUntilTheyAreReplaced(onFile: Bool) throws {
    let disc = try Disc(onFile: onFile, "unreadable=30-31")
    #expect(try disc.read(10, at: 25) == SenseData(.unrecoveredReadError, information: 30))
    #expect(try disc.read(5, at: 25) == nil)
    #expect(try disc.drive.code(try #require(.verify(DefectTests.blocks(31), .none))) == .unrecoveredReadError)
    try disc.surface.reassign(30)
    #expect(try disc.drive.read(1, at: 30).data == [UInt8](repeating: 0, count: 512))
    #expect(try disc.read(10, at: 25) == SenseData(.unrecoveredReadError, information: 31))
    #expect(try disc.write(10, at: 25) == nil, "what does not verify moves to a spare")
    #expect(try disc.drive.read(10, at: 25).data == pattern(5120))
    #expect(disc.surface.defects.grown.map(\.block) == [30, 31])
  }

  @Test(arguments: [false, true]) func occasionsAreCountedInOperations(onFile: Bool) throws {
    for (when, failing) in [("@2", [2]), ("@*/2", [2, 4, 6]), ("@4+", [4, 5, 6]), ("", [1, 2, 3, 4, 5, 6])] {
      let disc = try Disc(onFile: onFile, "unreadable=30\(when)")
      for time in 1...6 {
        #expect(
          try disc.read(3, at: 29)?.code == (failing.contains(time) ? .unrecoveredReadError : nil), "\(when) \(time)")
        #expect(try disc.read(at: 29) == nil, "elsewhere nothing is counted")
      }
    }
  }

  @Test(arguments: [false, true]) func correctedReadsSucceedAndAreTold(onFile: Bool) throws {
    let disc = try Disc(onFile: onFile, "corrected=30@2")
    for time in 1...3 {
      try disc.surface.verify(DefectTests.blocks(28, 4))
      #expect(disc.surface.takeRecovery() == (time == 2 ? .correctedRead(block: 30) : nil))
      #expect(disc.surface.takeRecovery() == nil, "told once")
    }
  }

  @Test(arguments: [false, true]) func unwritableSectorsAreWriteErrors(onFile: Bool) throws {
    let disc = try Disc(onFile: onFile, "unwritable=30")
    #expect(try disc.write(10, at: 25) == SenseData(.writeError, information: 30))
    #expect(try disc.drive.read(5, at: 25).data == pattern(2560), "written as far as possible")
    #expect(try disc.read(at: 30) == SenseData(.unrecoveredReadError, information: 30))
    #expect(try disc.read(at: 31) == nil)
    #expect(disc.surface.defects.grown.isEmpty)
  }

  @Test(arguments: [false, true]) func defectiveSectorsAreReplacedWithoutAnError(onFile: Bool) throws {
    let disc = try Disc(onFile: onFile, "defective=30-32")
    let home = try #require(disc.surface.sectors(of: DefectTests.blocks(30)).first?.lowerBound)
    #expect(try disc.recovery(writing: 10, at: 25) == .reallocatedWrite(block: 32))
    #expect(try disc.drive.read(10, at: 25).data == pattern(5120))
    let defects = disc.surface.defects
    #expect(defects.primary.isEmpty)
    #expect(defects.grown.map(\.sector) == [home, home + 1, home + 2])
    #expect(defects.grown.map(\.replacement) == [249_849, 249_848, 249_847], "from the end of the band")
    #expect(defects.freeSpares == 1_021)
    #expect(try disc.recovery(writing: 10, at: 25, seed: 2) == nil)
    #expect(disc.surface.defects == defects, "once is enough")
    #expect(disc.surface.sectors(of: DefectTests.blocks(25, 10)).map(\.count) == [5, 1, 1, 1, 2])
  }

  @Test(arguments: [false, true]) func whenTheSparesAreUsedUp(onFile: Bool) throws {
    let disc = try Disc(onFile: onFile, "defective=30-33,spares=2")
    #expect(try disc.write(10, at: 25) == SenseData(.noDefectSpareLocation, information: 32))
    #expect(disc.surface.defects.freeSpares == 0)
    #expect(disc.surface.defects.grown.map(\.block) == [30, 31])
    #expect(try disc.drive.read(7, at: 25).data == pattern(3584))
    #expect(try disc.read(at: 32) == SenseData(.unrecoveredReadError, information: 32))
    #expect(throws: MediumError.noSpareSector(block: 5)) { try disc.surface.reassign(5) }
    #expect(try disc.write(2, at: 34) == nil, "other blocks do not suffer")
  }

  /// Real spares, to the last one; then the next bands lend theirs.
  @Test func everySpareOfEveryBandIsUsed() throws {
    let disc = try memoryDisc(.mb230)
    let band = MediumGeometry.mb230.bands[4]
    var spares: Set<UInt32> = []
    for index in 0..<UInt64(MediumGeometry.mb230.spareCount) {
      try disc.reassign(band.firstBlock + index)
      let sector = try #require(disc.sectors(of: DefectTests.blocks(band.firstBlock + index)).first?.lowerBound)
      #expect(spares.insert(sector).inserted)
      if index < UInt64(band.spareCount) { #expect((band.firstSpare..<band.endSector).contains(sector)) }
    }
    #expect(throws: MediumError.noSpareSector(block: 0)) { try disc.reassign(0) }
    #expect(disc.defects.freeSpares == 0)
  }

  // MARK: Reassigning

  @Test(arguments: [false, true]) func reassigningKeepsWhatCanBeRead(onFile: Bool) throws {
    let disc = try Disc(onFile: onFile)
    let surface = disc.surface
    #expect(try disc.write(4, at: 30) == nil)
    try surface.erase(DefectTests.blocks(31))
    try surface.mark(DefectTests.blocks(32), as: .halfWritten)
    for block in UInt64(30)...33 { try surface.reassign(block) }
    #expect(try disc.drive.read(1, at: 30).data == Array(pattern(2048)[..<512]))
    #expect(try disc.read(at: 31)?.code == .blankBlock)
    #expect(try disc.drive.read(1, at: 32).data == [UInt8](repeating: 0, count: 512), "lost, but no error any more")
    #expect(try disc.drive.read(1, at: 33).data == Array(pattern(2048)[1536...]))
    // Again: the spare is defective too.
    try surface.reassign(30)
    #expect(try disc.drive.read(1, at: 30).data == Array(pattern(2048)[..<512]))
    let defects = surface.defects
    #expect(defects.grown.count == 5)
    #expect(defects.grown.filter { $0.block == 30 }.map(\.replacement) == [249_845, 249_845])
    #expect(defects.freeSpares == 1_019)
  }

  @Test(arguments: [MediumGeometry.mb128, .mb640]) func everyBlockLiesOnASectorOfItsOwn(_ geometry: MediumGeometry)
    throws
  {
    var random = SeededGenerator(seed: 4)
    let disc = try memoryDisc(geometry)
    let count = UInt64(geometry.blockCount)
    // Each round takes up to 60 of at least 1,024 spares.
    for _ in 0..<soak(1, 17) {
      let bad = (0..<40).map { _ in UInt64.random(in: 0..<count, using: &random) }
      try disc.format(FormatRequest(certifies: false, defectiveBlocks: bad))
      for _ in 0..<20 { try disc.reassign(UInt64.random(in: 0..<count, using: &random)) }
      let runs = disc.sectors(of: BlockRange(first: 0, count: geometry.blockCount)).sorted {
        $0.lowerBound < $1.lowerBound
      }
      #expect(runs.reduce(0) { $0 + $1.count } == Int(geometry.blockCount))
      #expect(zip(runs, runs.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound }, "none twice")
      #expect(runs.last.map { $0.upperBound <= geometry.sectorCount } == true)
      let defective = Set(disc.defects.primary.map(\.sector)).union(disc.defects.grown.map(\.sector))
      #expect(!runs.contains { run in defective.contains { run.contains($0) } }, "none defective")
      #expect(Int(disc.defects.freeSpares) == Int(geometry.spareCount) - defective.count)
    }
  }

  // MARK: Formatting

  @Test(arguments: [false, true]) func formattingFindsWhatIsWrongForGood(onFile: Bool) throws {
    let disc = try Disc(
      onFile: onFile,
      "unreadable=40,unwritable=41,defective=42,corrected=43,defective=44@7,unreadable=45@2+,defective=46@9+")
    #expect(try disc.read(at: 45) == nil)
    #expect(try disc.read(at: 45) != nil)
    try disc.surface.format(FormatRequest())
    let defects = disc.surface.defects
    #expect(defects.primary.map(\.block) == [40, 41, 42, 45])
    #expect(defects.grown.isEmpty)
    #expect(try disc.write(20, at: 35) == nil)
    #expect(try disc.drive.read(20, at: 35).data == pattern(20 * 512), "the blocks slipped past the bad sectors")
    #expect(disc.surface.sectors(of: DefectTests.blocks(39, 4)).map(\.count) == [1, 2, 1])
    #expect(defects.freeSpares == 1_020)
  }

  @Test(arguments: [false, true]) func listsAreKeptOrClearedAsAsked(onFile: Bool) throws {
    let disc = try Disc(onFile: onFile, "unreadable=40")
    let surface = disc.surface
    try surface.format(FormatRequest(defectiveBlocks: [50]))
    try surface.reassign(60)
    func sectors(_ list: [DefectLists.Entry]) -> [UInt32] { list.map(\.sector) }
    #expect(sectors(surface.defects.primary) == [40, 50])
    #expect(sectors(surface.defects.grown) == [62], "block 60 had slipped by two")
    try surface.format(FormatRequest(certifies: false))
    #expect(sectors(surface.defects.primary) == [40, 50] && sectors(surface.defects.grown) == [62])
    try surface.format(FormatRequest(keepsGrownDefects: false, certifies: false))
    #expect(sectors(surface.defects.primary) == [40, 50] && surface.defects.grown.isEmpty)
    try surface.format(FormatRequest(keepsPrimaryDefects: false))
    #expect(sectors(surface.defects.primary) == [40])
    try surface.format(FormatRequest(keepsPrimaryDefects: false, certifies: false))
    #expect(surface.defects == DefectLists(freeSpares: 1_024, generation: surface.defects.generation))
  }

  @Test(arguments: [false, true]) func formattingClearsAllButTheFactoryRecord(onFile: Bool) throws {
    let disc = try Disc(onFile: onFile)
    let record = disc.surface.factoryRecord
    #expect(try disc.write(4, at: 30) == nil)
    try disc.surface.erase(DefectTests.blocks(100, 3))
    try disc.surface.format(FormatRequest())
    #expect(try disc.drive.read(4, at: 30).data == [UInt8](repeating: 0, count: 2048))
    #expect(try disc.read(3, at: 100) == nil)
    try disc.surface.format(FormatRequest(pattern: [1, 2, 3]))
    let expected = (0..<512).map { UInt8($0 % 3 + 1) }
    for block in [0, 1000, UInt64(MediumGeometry.mb128.blockCount) - 1] {
      #expect(try disc.drive.read(1, at: block).data == expected)
    }
    #expect(disc.surface.factoryRecord == record)
  }

  @Test(arguments: [false, true]) func discsWithTooManyDefectsStayAsTheyAre(onFile: Bool) throws {
    let disc = try Disc(onFile: onFile, "unreadable=0-2000")
    #expect(try disc.write(1, at: 5000) == nil)
    #expect(throws: MediumError.noSpareSector(block: 0)) { try disc.surface.format(FormatRequest()) }
    #expect(try disc.drive.read(1, at: 5000).data == pattern(512))
    try disc.surface.format(FormatRequest(certifies: false))
  }

  @Test(arguments: [false, true]) func protectedDiscsAreNotFormatted(onFile: Bool) throws {
    let bench = try Workbench()
    let protection = WriteProtection(ranges: [DefectTests.blocks(9)])
    let disc: any RecordingSurface =
      onFile ? try manufacture(on: bench, protection: protection) : try memoryDisc(protection: protection)
    try disc.write(DefectTests.blocks(5), from: pattern(512).span.bytes)
    #expect(throws: MediumError.failure) { try disc.format(FormatRequest()) }
    #expect(try EmulatedDrive.ready(disc).read(1, at: 5).data == pattern(512))
  }
}
