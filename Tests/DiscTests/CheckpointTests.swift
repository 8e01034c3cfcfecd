import Cryptography
import DiscDriver
import DiscEmulator
import Identifiers
import SCSI
import Testing

/// How often a copy makes lasting what it wrote.
@Suite struct CheckpointTests {
  private static let segment = [UInt8](repeating: 5, count: 1 << 20)

  /// Octets that a copy of 40 MiB leaves to go on with when it is dropped, at a drive that takes so long for a mebibyte,
  /// and how often it flushed.
  private static func drop(
    after count: Int, mebibytesEach time: Duration, interval: Int = 8
  ) throws -> (kept: UInt64, checkpoints: Int) {
    let (disc, id) = (try VolumeBench.blank(), try VolumeBench.software(1))
    try VolumeBench.format(disc)
    let (clock, flushes) = (VirtualDriveClock(), FlushCounter(EmulatedDrive(medium: disc)))
    let volume = try LicensedVolume(opening: try DriveSession(flushes))
    do {
      var writer = try volume.resumableInstall(
        title: id, length: 40 << 20, source: Digest.sha256([1]),
        checkpoints: CheckpointPace(interval: interval, period: .seconds(1)) { clock.now })
      for _ in 0..<count {
        clock.advance(by: time)
        try segment.withUnsafeBytes { try writer.write($0) }
      }
    }
    return (try VolumeBench.open(disc).unfinishedCopies().first?.written ?? 0, flushes.count)
  }

  /// From 1 GiB a second to half a mebibyte. Where a second is over behind 25 MiB the next place is behind 32.
  @Test(arguments: [
    (1, 0, 0), (10, 0, 0), (40, 32 << 20, 1), (60, 24 << 20, 1), (126, 32 << 20, 4), (333, 32 << 20, 4),
    (2_000, 32 << 20, 4),
  ])
  func M8_checkpointsComeByTime(_ milliseconds: Int, _ kept: UInt64, _ checkpoints: Int) throws {
    let found = try CheckpointTests.drop(after: 39, mebibytesEach: .milliseconds(milliseconds))
    #expect(found == (kept, checkpoints))
  }

  @Test func everyMeansEveryOne() throws {
    let (disc, id) = (try VolumeBench.blank(), try VolumeBench.software(1))
    try VolumeBench.format(disc)
    for (interval, written) in [(1, 5), (2, 4), (5, 5), (6, 0)] {
      do {
        var writer = try VolumeBench.open(disc).resumableInstall(
          title: id, length: 40 << 20, source: Digest.sha256([UInt8(interval)]),
          checkpoints: .every(mebibytes: interval))
        for _ in 0..<5 { try CheckpointTests.segment.withUnsafeBytes { try writer.write($0) } }
      }
      let copies = try VolumeBench.open(disc).unfinishedCopies().filter {
        $0.source == Digest.sha256([UInt8(interval)])
      }
      #expect(copies.first?.written ?? 0 == UInt64(written) << 20, "\(interval)")
    }
  }

  /// Checkpoints that come at some intervals only leave a journal that can be compared interval by interval.
  @Test func M8_aJournalOfManyIntervalsKeepsThoseThatAreWhole() throws {
    let (disc, id) = (try VolumeBench.blank(), try VolumeBench.software(1))
    try VolumeBench.format(disc)
    let pace = CheckpointPace(interval: 2, period: .seconds(1_000_000)) { .zero }
    let source = Digest.sha256([1])
    do {
      var writer = try VolumeBench.open(disc).resumableInstall(
        title: id, length: 40 << 20, source: source, checkpoints: pace)
      for _ in 0..<9 { try CheckpointTests.segment.withUnsafeBytes { try writer.write($0) } }
      #expect(try writer.suspend() == 9 << 20)
    }
    try disc.flip(VolumeLayout.metadataLength + 5 << 20)
    let volume = try VolumeBench.open(disc)
    #expect(try volume.unfinishedCopies().first?.written == 9 << 20)
    let writer = try volume.resumableInstall(title: id, length: 40 << 20, source: source, checkpoints: pace)
    #expect(writer.written == 4 << 20)
  }
}

/// A drive that counts SYNCHRONIZE CACHE.
private final class FlushCounter: CDBTransport {
  private let drive: EmulatedDrive
  private(set) var count = 0

  init(_ drive: EmulatedDrive) { self.drive = drive }

  func execute(
    cdb: RawSpan, dataOut: RawSpan, dataIn: inout MutableRawSpan
  ) throws(DriveTransportError) -> CDBOutcome {
    if cdb.unsafeLoad(as: UInt8.self) == 0x35 { count += 1 }
    return try drive.execute(cdb: cdb, dataOut: dataOut, dataIn: &dataIn)
  }
}
