import DiscEmulator
import DriveFirmware
import SCSI
import TestSupport
import Testing

@Suite struct RecordingJournalTests {
  static let span: UInt64 = 120

  /// A few writes, some over others, some made lasting.
  static func run(_ medium: PassMedium, _ random: inout SeededGenerator) throws {
    let drive = EmulatedDrive(medium: medium)
    _ = try drive.execute(.testUnitReady)
    for number in 0..<8 {
      let count = Int.random(in: 1...12, using: &random)
      let first = UInt64.random(in: 0..<(span - 12), using: &random)
      #expect(try drive.write(pattern(count * 512, seed: UInt8(number + 1)), at: first).status == .good)
      if number % 3 == 2 { #expect(try drive.execute(.synchronizeWholeCache).status == .good) }
    }
  }

  /// All that there is to see of the disc's first sectors.
  static func image(_ disc: MemoryDisc) -> [String] {
    (0..<span).map { block in
      var octets = [UInt8](repeating: 0, count: 512)
      var span = octets.mutableSpan
      var bytes = span.mutableBytes
      let failure: MediumError?
      do throws(MediumError) {
        try disc.read(BlockRange(first: block, count: 1), into: &bytes)
        failure = nil
      } catch {
        failure = error
      }
      return "\(disc.state(of: block)) \(failure.map { "\($0)" } ?? "\(octets[0]) \(octets[511])")"
    }
  }

  @Test func replayIsWhatAPowerCutLeaves() throws {
    let seed = Randomness("replayIsWhatAPowerCutLeaves").seed
    let empty = try memoryDisc()
    var random = SeededGenerator(seed: seed)
    let recorded = PassMedium(empty.copy(), isJournaling: true)
    try RecordingJournalTests.run(recorded, &random)
    let journal = try #require(recorded.journal)
    #expect(journal.stepCount == recorded.stepCount)
    #expect(journal.unflushed.count == 2)

    for steps in stride(from: 0, through: journal.stepCount, by: soak(3, 1)) {
      let live = empty.copy()
      let medium = PassMedium(live)
      medium.cutPower(after: steps)
      random = SeededGenerator(seed: seed)
      do { try RecordingJournalTests.run(medium, &random) } catch is DriveTransportError {}
      let replayed = empty.copy()
      try journal.replay(steps, onto: replayed)
      #expect(RecordingJournalTests.image(replayed) == RecordingJournalTests.image(live), "after \(steps) steps")
    }
  }

  @Test func aShuffledCacheKeepsWhatWasMadeLasting() throws {
    let seed = Randomness("aShuffledCacheKeepsWhatWasMadeLasting").seed
    var random = SeededGenerator(seed: seed)
    let empty = try memoryDisc()
    let recorded = PassMedium(empty.copy(), isJournaling: true)
    try RecordingJournalTests.run(recorded, &random)
    let journal = try #require(recorded.journal)
    let whole = empty.copy()
    try journal.replay(journal.stepCount, onto: whole)
    var lasting = 0
    var steps = 0
    for entry in journal.entries {
      switch entry {
      case .write(let range, _): steps += Int(range.count) * PassMedium.stepsPerSector
      case .synchronization: lasting = steps
      case .erase, .reassign, .format: Issue.record("no such operation was made")
      }
    }
    let flushed = empty.copy()
    try journal.replay(lasting, onto: flushed)

    var differing = 0
    for order in (0..<20).map({ RecordingJournal.Order.shuffled(seed: seed &+ $0) }) {
      let all = empty.copy()
      try journal.replay(journal.stepCount, order: order, onto: all)
      #expect(RecordingJournalTests.image(all) == RecordingJournalTests.image(whole), "in the end the order is nothing")
      let some = empty.copy()
      try journal.replay(lasting, order: order, onto: some)
      #expect(RecordingJournalTests.image(some) == RecordingJournalTests.image(flushed))
      // Where nothing waits, or one write alone, there is nothing to shuffle: so at several moments.
      for moment in (1..<8).map({ lasting * $0 / 8 }) {
        let early = empty.copy()
        try journal.replay(moment, order: order, onto: early)
        let asIssued = empty.copy()
        try journal.replay(moment, onto: asIssued)
        if RecordingJournalTests.image(early) != RecordingJournalTests.image(asIssued) { differing += 1 }
      }
    }
    #expect(differing > 0, "before that it is something")
  }

  @Test func writesToTheSameBlockStayInOrder() throws {
    let recorded = PassMedium(try memoryDisc(), isJournaling: true)
    for (number, first) in [3, 5, 4, 9].enumerated() {
      let data = pattern(2 * 512, seed: UInt8(100 + number))
      try recorded.write(BlockRange(first: UInt64(first), count: 2), from: data.span.bytes)
    }
    let journal = try #require(recorded.journal)
    let asIssued = try memoryDisc()
    try journal.replay(journal.stepCount, onto: asIssued)
    for seed in UInt64(0)..<50 {
      let shuffled = try memoryDisc()
      try journal.replay(journal.stepCount, order: .shuffled(seed: seed), onto: shuffled)
      #expect(RecordingJournalTests.image(shuffled) == RecordingJournalTests.image(asIssued))
    }
  }

  @Test func discsInMemoryAreCopiedNotShared() throws {
    let disc = try memoryDisc()
    let copy = disc.copy()
    try copy.write(BlockRange(first: 0, count: 1), from: pattern(512).span.bytes)
    try copy.mark(BlockRange(first: 1, count: 1), as: .halfWritten)
    #expect(RecordingJournalTests.image(disc) == RecordingJournalTests.image(try memoryDisc()))
    #expect(copy.factoryRecord == disc.factoryRecord)
  }
}
