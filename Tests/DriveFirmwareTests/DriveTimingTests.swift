import DiscEmulator
import DriveFirmware
import SCSI
import TestSupport
import Testing

/// The mechanism on a virtual clock, against the formulas of docs/disc-image.md said over again.
@Suite struct DriveTimingTests {
  /// A drive whose medium lives on a virtual clock.
  struct Bench {
    let geometry: MediumGeometry
    let timing: MechanicalTiming
    let clock = VirtualDriveClock()
    let drive: EmulatedDrive

    init(_ geometry: MediumGeometry, _ timing: MechanicalTiming = MechanicalTiming()) throws {
      self.geometry = geometry
      self.timing = timing
      drive = try EmulatedDrive.ready(TimedMedium(try memoryDisc(geometry), timing: timing, clock: clock))
    }

    /// Seconds that `body` takes.
    func seconds(_ body: () throws -> Void) rethrows -> Double {
      let start = clock.now
      try body()
      return (clock.now - start) / .seconds(1)
    }

    func write(_ count: UInt32, at block: UInt64) throws {
      let data = [UInt8](repeating: 1, count: Int(count * geometry.blockSize))
      #expect(try drive.write(data, at: block, blockSize: Int(geometry.blockSize)).status == .good)
    }

    func read(_ count: UInt32, at block: UInt64) throws {
      #expect(try drive.read(count, at: block, blockSize: Int(geometry.blockSize)).outcome.status == .good)
    }
  }

  static let cases: [(MediumGeometry, Double)] = MediumGeometry.all.flatMap { [($0, 3600), ($0, 3000)] }

  /// Blocks of 64 KiB.
  static func piece(_ geometry: MediumGeometry) -> UInt32 { 65_536 / geometry.blockSize }

  static func near(_ measured: Double, _ formula: Double, _ part: Double = 0.05) -> Bool {
    abs(measured - formula) <= part * formula
  }

  @Test func theMeanTrackIsTheStandards() {
    for geometry in MediumGeometry.all {
      let revolutions = geometry.bands.reduce(0.0) { $0 + Double($1.blockCount) / Double($1.sectorsPerRevolution) }
      let mean = Double(geometry.userOctets) / revolutions
      #expect(DriveTimingTests.near(mean, Double(geometry.meanOctetsPerRevolution), 0.02), "\(geometry)")
      #expect(geometry.bands.count == Int(geometry.bandCount))
      #expect(geometry.bands.reduce(0) { $0 + $1.blockCount } == geometry.blockCount)
      #expect(geometry.bands.reduce(0) { $0 + $1.spareCount } == geometry.spareCount)
      let sectors = geometry.bands.map(\.sectorsPerRevolution)
      #expect(sectors == sectors.sorted(by: >), "the outermost band comes first and has most")
    }
  }

  /// Reading without a pause is n × T ÷ sectors per revolution, in every band.
  @Test(arguments: cases) func sequentialReading(_ geometry: MediumGeometry, _ rpm: Double) throws {
    let bench = try Bench(geometry, MechanicalTiming(revolutionsPerMinute: rpm))
    for band in geometry.bands {
      try bench.read(1, at: band.firstBlock)
      let piece = DriveTimingTests.piece(geometry)
      let measured = try bench.seconds {
        for index in 0..<8 { try bench.read(piece, at: band.firstBlock + 1 + UInt64(index) * UInt64(piece)) }
      }
      let formula = Double(8 * piece) * 60 / rpm / Double(band.sectorsPerRevolution)
      #expect(DriveTimingTests.near(measured, formula, 0.001))
    }
  }

  /// The whole disc in one go: its octets at the mean rate, and little else.
  @Test(arguments: MediumGeometry.all) func readingTheWholeDisc(_ geometry: MediumGeometry) throws {
    let bench = try Bench(geometry)
    let measured = try bench.seconds { () throws in
      var next: UInt64 = 0
      while next < UInt64(geometry.blockCount) {
        let count = UInt32(min(60_000, UInt64(geometry.blockCount) - next))
        #expect(try bench.drive.code(try #require(.verify(BlockRange(first: next, count: count), .none))) == nil)
        next += UInt64(count)
      }
    }
    let rate = Double(geometry.meanOctetsPerRevolution) * 60
    #expect(DriveTimingTests.near(measured, Double(geometry.userOctets) / rate))
  }

  /// Writing m sectors without a pause is ⌈m ÷ c⌉ × p × T + m × t, and a revolution less of each chunk without verifying.
  @Test(arguments: cases) func sequentialWriting(_ geometry: MediumGeometry, _ rpm: Double) throws {
    var measured: [Double] = []
    for verifies in [true, false] {
      let timing = MechanicalTiming(revolutionsPerMinute: rpm, verifiesWrites: verifies)
      let bench = try Bench(geometry, timing)
      let revolution = 60 / rpm
      var total = 0.0
      for band in [geometry.bands[0], geometry.bands[geometry.bands.count - 1]] {
        let sector = revolution / Double(band.sectorsPerRevolution)
        let chunk = Double(band.sectorsPerRevolution) - (0.001 / sector).rounded(.up)
        let piece = UInt32(chunk) * 3
        try bench.write(piece, at: band.firstBlock)
        let seconds = try bench.seconds {
          for index in 1...8 { try bench.write(piece, at: band.firstBlock + UInt64(index) * UInt64(piece)) }
        }
        let formula = 8 * (3 * (verifies ? 3 : 2) * revolution + Double(piece) * sector)
        #expect(DriveTimingTests.near(seconds, formula, 0.001), "\(band)")
        total += seconds
      }
      measured.append(total)
    }
    #expect(DriveTimingTests.near(measured[1] / measured[0], 0.75), "a quarter less without verifying")
  }

  /// Operations at random places: seek, half a revolution, then the passes.
  @Test(arguments: MediumGeometry.all) func randomPlaces(_ geometry: MediumGeometry) throws {
    var writes: [Double] = []
    let piece = 4096 / geometry.blockSize
    let revolution = 60.0 / 3600
    let count = soak(1500, 20_000)
    let mean = Double(geometry.meanOctetsPerRevolution) / Double(geometry.blockSize)
    for verifies in [true, false] {
      var random = SeededGenerator(seed: 17)
      let bench = try Bench(geometry, MechanicalTiming(verifiesWrites: verifies))
      let places = (0..<count).map { _ in UInt64.random(in: 0..<UInt64(geometry.blockCount - piece), using: &random) }
      let reading = try bench.seconds { for place in places { try bench.read(piece, at: place) } }
      // Places drawn among the blocks fall on long tracks more often than places drawn among the tracks.
      let transfer = Double(piece) * revolution / mean
      #expect(DriveTimingTests.near(reading / Double(count), 0.025 + revolution / 2 + transfer))
      let writing = try bench.seconds { for place in places { try bench.write(piece, at: place) } }
      let passes: Double = verifies ? 2 : 1
      #expect(
        DriveTimingTests.near(writing / Double(count), 0.025 + revolution / 2 + passes * revolution + transfer))
      writes.append(writing)
    }
    #expect((0.70...0.80).contains(writes[1] / writes[0]), "a quarter less without verifying")
  }

  @Test func theMeanOfAllSeeksIsTheAverageSeek() {
    let timing = MechanicalTiming(shortestSeek: 0.004, averageSeek: 0.03)
    var random = SeededGenerator(seed: 5)
    let all = (0..<100_000).map { _ in
      let (a, b) = (UInt32.random(in: 0..<10_000, using: &random), UInt32.random(in: 0..<10_000, using: &random))
      return timing.seek(over: max(a, b) - min(a, b), of: 10_000)
    }
    #expect(DriveTimingTests.near(all.reduce(0, +) / 100_000, 0.03, 0.01))
    #expect(timing.seek(over: 0, of: 10_000) == 0)
    #expect(timing.seek(over: 1, of: 10_000) >= 0.004)
  }

  @Test func erasingTakesOnePass() throws {
    let bench = try Bench(.mb128)
    let medium = try #require(bench.drive.medium)
    try medium.erase(BlockRange(first: 0, count: 1))
    let measured = try bench.seconds { try medium.erase(BlockRange(first: 1, count: 250)) }
    #expect(DriveTimingTests.near(measured, 60.0 / 3600 * (1 + 250.0 / 25), 0.01))
  }

  /// ⌈s ÷ c⌉ × p × T + s × t for the s sectors of each band, and little for the lists.
  @Test(arguments: MediumGeometry.all) func formattingWritesEverySector(_ geometry: MediumGeometry) throws {
    let bench = try Bench(geometry)
    let medium = try #require(bench.drive.medium)
    let measured = try bench.seconds { try medium.format(FormatRequest()) }
    let formula = geometry.bands.reduce(0.0) { sum, band in
      let sector = bench.timing.sector(of: band)
      let chunks = (Double(band.sectorCount) / Double(bench.timing.chunk(of: band))).rounded(.up)
      return sum + chunks * 3 * bench.timing.revolution + Double(band.sectorCount) * sector
    }
    #expect(DriveTimingTests.near(measured, formula, 0.01))
  }

  /// A drive that has read on while the host was thinking answers at once; one that had to wait does not.
  @Test func readingAheadBridgesThePausesOfTheHost() throws {
    let bench = try Bench(.mb640)
    let piece = DriveTimingTests.piece(.mb640)
    let band = MediumGeometry.mb640.bands[0]
    let transfer = Double(piece) * bench.timing.sector(of: band)
    try bench.read(piece, at: 0)
    bench.clock.advance(by: .seconds(transfer / 2))
    #expect(DriveTimingTests.near(try bench.seconds { try bench.read(piece, at: UInt64(piece)) }, transfer / 2, 0.01))
    bench.clock.advance(by: .seconds(10))
    #expect(try bench.seconds { try bench.read(piece, at: UInt64(2 * piece)) } == 0)
    let away = try bench.seconds { try bench.read(piece, at: 0) }
    #expect(away > transfer, "not where the last one ended")
  }

  /// A block that was moved to a spare lies elsewhere: reading over it costs two seeks.
  @Test func replacedSectorsCostSeeks() throws {
    let disc = try memoryDisc(.mb640)
    try disc.reassign(30)
    let clock = VirtualDriveClock()
    let medium = TimedMedium(disc, clock: clock)
    try medium.verify(BlockRange(first: 0, count: 20))
    let before = clock.now
    try medium.verify(BlockRange(first: 20, count: 20))
    #expect(clock.now - before > .milliseconds(10))
    #expect(medium.sectors(of: BlockRange(first: 20, count: 20)).count == 3)
  }

  /// The computer's clock really passes.
  @Test func realTimePasses() throws {
    let clock = RealDriveClock()
    let medium = TimedMedium(try memoryDisc(), timing: MechanicalTiming(revolutionsPerMinute: 6000), clock: clock)
    let start = ContinuousClock.now
    for block in [UInt64(200_000), 0, 100_000] { try medium.verify(BlockRange(first: block, count: 1)) }
    #expect(ContinuousClock.now - start > .milliseconds(40), "three seeks of 15 ms and more")
  }

  @Test func mechanismsThatNoDriveHasBecomePossibleOnes() {
    for odd in [-1, 0, Double.nan, .infinity, 1e300] {
      let timing = MechanicalTiming(
        revolutionsPerMinute: odd, shortestSeek: odd, averageSeek: odd, turnaround: odd)
      #expect(timing.revolution > 0 && timing.revolution <= 60)
      #expect(timing.averageSeek >= timing.shortestSeek)
      for band in MediumGeometry.mb640.bands { #expect(timing.chunk(of: band) >= 1) }
    }
  }
}
