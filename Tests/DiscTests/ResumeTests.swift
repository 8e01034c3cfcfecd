import Cryptography
import DiscDriver
import DiscEmulator
import DriveFirmware
import Foundation
import Glibc
import Identifiers
import SCSI
import TestSupport
import Testing

/// A copy that is interrupted goes on where it was, and what comes of it is what one without interruption gives.
@Suite struct ResumeTests {
  private static let mebibyte = 1 << 20
  /// Segments between two checkpoints.
  private static let interval = 64

  /// Any mebibyte.
  private static let pattern = SeededRandom(seed: 4).octets(mebibyte)

  /// A segment that no other one is like, of software of this length.
  private static func segment(_ index: Int, of length: Int) -> [UInt8] {
    var software = pattern
    withUnsafeBytes(of: index) { software.replaceSubrange(0..<8, with: $0) }
    return length - index * mebibyte < mebibyte ? Array(software.prefix(length - index * mebibyte)) : software
  }

  private static func source(_ length: Int) -> [UInt8] {
    PieceDigest.combining(
      stride(from: 0, to: length, by: mebibyte).map { Digest.sha256(segment($0 / mebibyte, of: length)) })
  }

  /// Copies, from wherever it is to go on, until `isOver` says so or all is written.
  ///
  /// - Returns: octets that were there already.
  @discardableResult
  private static func copy(
    _ length: Int, as softwareID: SoftwareID, source: [UInt8], to volume: LicensedVolume,
    interval: Int = interval, isOver: (Int) -> Bool = { _ in false }
  ) throws(DiscError) -> UInt64 {
    var writer = try volume.resumableInstall(
      title: softwareID, length: UInt64(length), source: source,
      checkpoints: .every(mebibytes: interval))
    let resumed = writer.written
    if try fill(&writer, length, isOver) { try writer.commit() }
    return resumed
  }

  /// Writes until `isOver` says so, or all is written.
  private static func fill(
    _ writer: inout TitleWriter, _ length: Int, _ isOver: (Int) -> Bool
  ) throws(DiscError) -> Bool {
    while writer.remaining > 0 {
      guard !isOver(writer.nextSegment) else { return false }
      try write(segment(writer.nextSegment, of: length), to: &writer)
    }
    return true
  }

  private static func write(_ software: [UInt8], to writer: inout TitleWriter) throws(DiscError) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: software.count, alignment: 16)
    defer { buffer.deallocate() }
    buffer.copyBytes(from: software)
    try writer.write(segment: UnsafeRawBufferPointer(buffer), digest: Digest.sha256(software))
  }

  /// Where a copy would begin.
  private static func start(
    _ length: Int, as softwareID: SoftwareID, source: [UInt8], on disc: any Medium
  ) throws(DiscError) -> UInt64 {
    let volume = try VolumeBench.open(disc)
    let writer = try volume.resumableInstall(title: softwareID, length: UInt64(length), source: source)
    return writer.written
  }

  /// A disc with so many segments of a copy that was suspended.
  private static func suspended(
    after count: Int, of length: Int, as softwareID: SoftwareID, source: [UInt8]
  ) throws -> MemoryDisc {
    let disc = try VolumeBench.blank()
    let volume = try VolumeBench.format(disc)
    var writer = try volume.resumableInstall(title: softwareID, length: UInt64(length), source: source)
    for index in 0..<count { try write(segment(index, of: length), to: &writer) }
    try writer.suspend()
    return disc
  }

  private static func expectWhole(_ length: Int, _ id: SoftwareID, _ volume: LicensedVolume, _ comment: String) throws {
    let reader = try volume.open(title: id)
    try reader.verify()
    for index in 0..<reader.segmentCount {
      let expected = segment(index, of: length)
      let found = try VolumeBench.read(reader, at: UInt64(index * mebibyte), count: expected.count)
      guard found == expected else {
        Issue.record("segment \(index), \(comment)")
        return
      }
    }
    #expect(try volume.unfinishedCopies().isEmpty, "\(comment)")
  }

  // MARK: Dropped and suspended

  @Test func M8_droppedCopyGoesOnBehindItsLastCheckpoint() throws {
    let (id, length) = (try VolumeBench.software(1), 70 * ResumeTests.mebibyte + 12_345)
    let source = ResumeTests.source(length)
    let disc = try VolumeBench.blank(.mb540)
    let volume = try VolumeBench.format(disc)
    try ResumeTests.copy(length, as: id, source: source, to: volume) { $0 == 67 }
    #expect(try volume.titles().isEmpty)

    let again = try VolumeBench.open(disc)
    let written = UInt64(ResumeTests.interval * ResumeTests.mebibyte)
    let unfinished = try #require(try again.unfinishedCopies().first)
    #expect(unfinished.softwareID == id && unfinished.length == UInt64(length))
    #expect(unfinished.source == source && unfinished.written == written)
    #expect(try ResumeTests.copy(length, as: id, source: source, to: again) == written)
    try ResumeTests.expectWhole(length, id, try VolumeBench.open(disc), "dropped")
  }

  @Test func M8_suspendedCopyGoesOnWhereItWas() throws {
    let (id, length) = (try VolumeBench.software(1), 5 * ResumeTests.mebibyte + 1)
    let source = ResumeTests.source(length)
    let disc = try VolumeBench.blank()
    try VolumeBench.format(disc)
    for index in 0..<5 {
      let volume = try VolumeBench.open(disc)
      var writer = try volume.resumableInstall(title: id, length: UInt64(length), source: source)
      let written = writer.written
      #expect(written == UInt64(index * ResumeTests.mebibyte))
      try ResumeTests.write(ResumeTests.segment(index, of: length), to: &writer)
      let kept = try writer.suspend()
      #expect(kept == UInt64((index + 1) * ResumeTests.mebibyte))
    }
    let volume = try VolumeBench.open(disc)
    #expect(try ResumeTests.copy(length, as: id, source: source, to: volume) == UInt64(5 * ResumeTests.mebibyte))
    try ResumeTests.expectWhole(length, id, volume, "suspended")
  }

  /// What is on the medium may be something else by then.
  @Test func M8_whatWasDamagedMeanwhileIsCopiedAgain() throws {
    let (id, length) = (try VolumeBench.software(1), 4 * ResumeTests.mebibyte)
    let source = ResumeTests.source(length)
    let disc = try ResumeTests.suspended(after: 3, of: length, as: id, source: source)
    let volume = try VolumeBench.open(disc)
    // Another title takes the room that counts as free.
    try VolumeBench.install([1, 2, 3], as: try VolumeBench.software(2), on: volume)
    try volume.delete(title: try VolumeBench.software(2))
    let again = try VolumeBench.open(disc)
    #expect(try ResumeTests.copy(length, as: id, source: source, to: again) == 0)
    try ResumeTests.expectWhole(length, id, again, "damaged")
  }

  /// A journal holds for one title of one source only, and not for room that a title has.
  @Test func M8_anotherCopyDoesNotGoOnWithIt() throws {
    let (id, length) = (try VolumeBench.software(1), 3 * ResumeTests.mebibyte)
    let wanted = ResumeTests.source(length)
    func start(_ length: Int, _ softwareID: SoftwareID, _ source: [UInt8]) throws -> UInt64 {
      let disc = try ResumeTests.suspended(after: 1, of: length, as: id, source: wanted)
      return try ResumeTests.start(length, as: softwareID, source: source, on: disc)
    }
    #expect(try start(length, id, wanted) == UInt64(ResumeTests.mebibyte))
    #expect(try start(length, id, [UInt8](repeating: 7, count: 32)) == 0)
    #expect(try start(length, try VolumeBench.software(9), wanted) == 0)
    let taken = try ResumeTests.suspended(after: 1, of: length, as: id, source: wanted)
    try VolumeBench.install([1, 2, 3], as: try VolumeBench.software(2), on: try VolumeBench.open(taken))
    #expect(try VolumeBench.open(taken).unfinishedCopies().isEmpty)
    #expect(try ResumeTests.start(length, as: id, source: wanted, on: taken) == 0)
    let copied = try VolumeBench.blank(id: 2)
    let original = try ResumeTests.suspended(after: 1, of: length, as: id, source: wanted)
    let octets = try everything(of: original)
    try copied.write(BlockRange(first: 0, count: 248_826), from: octets.span.bytes)
    #expect(try VolumeBench.open(copied).unfinishedCopies().isEmpty, "copied to another medium")
  }

  private func everything(of disc: MemoryDisc) throws -> [UInt8] {
    var octets = [UInt8](repeating: 0, count: 248_826 * 512)
    var span = octets.mutableSpan
    var bytes = span.mutableBytes
    try disc.read(BlockRange(first: 0, count: 248_826), into: &bytes)
    return octets
  }

  @Test func M8_verificationFindsWhatTheMediumChanged() throws {
    let (id, length) = (try VolumeBench.software(1), 2 * ResumeTests.mebibyte + 100)
    #expect(try ResumeTests.verify(length, as: id, isDamaged: false))
    let error = #expect(throws: DiscError.self) { try ResumeTests.verify(length, as: id, isDamaged: true) }
    #expect(error?.code == .damaged)
  }

  /// Copies, and reads everything back before the end; perhaps something else lies there by then.
  private static func verify(_ length: Int, as softwareID: SoftwareID, isDamaged: Bool) throws -> Bool {
    let disc = try VolumeBench.blank()
    let volume = try VolumeBench.format(disc)
    var writer = try volume.resumableInstall(title: softwareID, length: UInt64(length), source: source(length))
    _ = try fill(&writer, length) { _ in false }
    if isDamaged {
      let block = volume.firstBlock + VolumeLayout.metadataLength / 512 + 2_500
      let zeros = [UInt8](repeating: 0, count: 512)
      try disc.write(BlockRange(first: block, count: 1), from: zeros.span.bytes)
    }
    return try writer.verify { _, _ in true }
  }

  // MARK: Power cuts

  /// Cut power by lot, with what no flush made lasting in any order: the next copy always gives the whole title, and what
  /// was flushed is not copied again.
  @Test func M8_wheneverPowerFailsTheCopyGoesOn() throws {
    var random = Randomness("cuts of resumable copies")
    let (id, length) = (try VolumeBench.software(1), 2 * ResumeTests.mebibyte + 999)
    let source = ResumeTests.source(length)
    let blank = try VolumeBench.blank(.mb640)
    try VolumeBench.format(blank)
    let whole = PassMedium(blank.copy(), isJournaling: true)
    try ResumeTests.copy(length, as: id, source: source, to: try VolumeBench.open(whole), interval: 1)
    let journal = try #require(whole.journal)
    // The steps of a segment, and those of the journal behind it, which is one block.
    let steps = (ResumeTests.mebibyte / 2048 * PassMedium.stepsPerSector, PassMedium.stepsPerSector)
    for point in 0..<random.soak(24, full: 10_000) {
      let cut = ResumeTests.moment(point, steps.0, steps.1, journal.stepCount, &random.generator)
      let order: RecordingJournal.Order =
        point % 4 < 2 ? .asIssued : .shuffled(seed: .random(in: 0...UInt64.max, using: &random.generator))
      let comment = "\(cut) of \(journal.stepCount) steps \(order)"
      let disc = blank.copy()
      try journal.replay(cut, order: order, onto: disc)
      let report = try LicensedVolume.check(try VolumeBench.session(disc), contents: true)
      #expect(report.state == .whole || report.state == .repairable, "\(comment)")
      let volume = try VolumeBench.open(disc)
      if try volume.titles().isEmpty {
        let kept = try ResumeTests.copy(length, as: id, source: source, to: volume, interval: 1)
        // What a flush made lasting is kept; what is kept was written.
        let flushed = min(cut / (steps.0 + steps.1), 2)
        #expect(kept >= UInt64(flushed * ResumeTests.mebibyte), "\(comment)")
        #expect(kept <= UInt64((flushed + 1) * ResumeTests.mebibyte), "\(comment)")
      }
      try ResumeTests.expectWhole(length, id, volume, comment)
    }
  }

  /// Half of the moments are around the checkpoints.
  private static func moment(
    _ point: Int, _ segment: Int, _ journal: Int, _ all: Int, _ random: inout Randomness.Generator
  ) -> Int {
    guard point % 2 == 0 else { return Int.random(in: 0...all, using: &random) }
    let checkpoint = Int.random(in: 1...2, using: &random) * (segment + journal)
    return checkpoint + Int.random(in: (-2 * journal)...journal, using: &random)
  }

  // MARK: Kills

  /// A process that copies is killed at moments by lot until one comes through: never is more lost than what came
  /// behind the last checkpoint.
  @Test func M8_killedCopyNeverStartsOver() async throws {
    var random = Randomness("kills of copies")
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("warifu-kills-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("disc.mo").path
    let id = try VolumeBench.software(1)
    let length = 200 * ResumeTests.mebibyte + 4_321
    let source = ResumeTests.source(length)
    try ResumeTests.makeDisc(path)
    var kept: UInt64 = 0
    for round in 0..<random.soak(6, full: 60) {
      let (start, last) = (Int(kept) / ResumeTests.mebibyte, length / ResumeTests.mebibyte)
      let end = Int.random(in: start...last, using: &random.generator)
      await #expect(processExitsWith: .signal(SIGKILL)) {
        [path = path as String, source = source as [UInt8], length = length as Int, end = end as Int] in
        let volume = try VolumeBench.open(try EmulatedDisc(openingAt: path))
        try ResumeTests.copy(length, as: try VolumeBench.software(1), source: source, to: volume) { index in
          if index == end { kill(getpid(), SIGKILL) }
          return false
        }
      }
      let checkpoint = ResumeTests.interval * ResumeTests.mebibyte
      let written = try ResumeTests.written(path)
      #expect(written == UInt64(end * ResumeTests.mebibyte / checkpoint * checkpoint), "round \(round)")
      #expect(written >= kept)
      kept = written
    }
    let volume = try VolumeBench.open(try EmulatedDisc(openingAt: path))
    #expect(try ResumeTests.copy(length, as: id, source: source, to: volume) == kept)
    try ResumeTests.expectWhole(length, id, volume, "killed")
  }

  private static func makeDisc(_ path: String) throws {
    let disc = try EmulatedDisc.manufacture(at: path, geometry: .mb640, manufactured: 0) { buffer in
      for index in buffer.indices { buffer[index] = UInt8(truncatingIfNeeded: index + 1) }
    }
    try VolumeBench.format(disc)
  }

  /// Octets that a whole disc without the title says it has of it.
  private static func written(_ path: String) throws -> UInt64 {
    let disc = try EmulatedDisc(openingAt: path)
    let report = try LicensedVolume.check(try VolumeBench.session(disc))
    #expect(report.state == .whole && report.titleCount == 0)
    return try VolumeBench.open(disc).unfinishedCopies().first?.written ?? 0
  }
}
