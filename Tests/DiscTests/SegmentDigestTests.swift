import Cryptography
import DiscDriver
import DiscEmulator
import Identifiers
import SCSI
import Testing

/// Titles whose manifest has SHA-256 of each segment, and such whose has CRC-32C, side by side.
@Suite struct SegmentDigestTests {
  private static let length = 3 << 20 - 100
  private static let octets = {
    var random = SplitMix(seed: 60)
    return random.octets(length)
  }()

  /// Where the first title's manifest lies on the volume.
  private static let manifest = VolumeLayout.metadataLength + 3 << 20

  @discardableResult
  private static func copy(
    _ digest: SegmentDigest, as softwareID: SoftwareID, to volume: LicensedVolume, upTo end: Int? = nil
  ) throws -> UInt64 {
    var writer = try volume.resumableInstall(
      title: softwareID, length: UInt64(length), source: Digest.sha256([7]), digest: digest,
      checkpoints: .every(mebibytes: 1))
    let resumed = writer.written
    #expect(writer.digest == digest)
    try octets.withUnsafeBytes { all in
      while writer.remaining > 0, writer.nextSegment < end ?? .max {
        let rest = UnsafeRawBufferPointer(rebasing: all[(writer.nextSegment << 20)...].prefix(1 << 20))
        try writer.write(segment: rest, digest: digest.digest(of: rest))
      }
    }
    guard end == nil else { return try writer.suspend() }
    try writer.commit()
    return resumed
  }

  private static func check(_ disc: MemoryDisc) throws -> VolumeReport {
    try LicensedVolume.check(try VolumeBench.session(disc), contents: true)
  }

  @Test(arguments: SegmentDigest.allCases) func M14_eitherDigestFindsDamage(_ digest: SegmentDigest) throws {
    let (disc, id) = (try VolumeBench.blank(), try VolumeBench.software(1))
    try SegmentDigestTests.copy(digest, as: id, to: try VolumeBench.format(disc))
    let reader = try VolumeBench.open(disc).open(title: id)
    #expect(reader.digest == digest && reader.segmentCount == 3)
    try reader.verify()
    #expect(try VolumeBench.read(reader, at: 0, count: SegmentDigestTests.length) == SegmentDigestTests.octets)
    #expect(try SegmentDigestTests.check(disc).state == .whole)
    // Programs that know SHA-256 only read what they know, and know the other as a later version's.
    let version = try disc.octets(at: SegmentDigestTests.manifest, count: 512)[8..<10]
    #expect(Array(version) == (digest == .sha256 ? [0, 1] : [0, 2]))
    try disc.flip(VolumeLayout.metadataLength + 1_500_000)
    #expect(VolumeBench.error { try VolumeBench.open(disc).open(title: id).verify() }?.code == .damaged)
    let findings = try SegmentDigestTests.check(disc).findings
    #expect(findings == [VolumeFinding(.title(id), .softwareLost(damaged: 1, unreadable: 0, of: 3))])
  }

  @Test func bothKindsShareAVolume() throws {
    let disc = try VolumeBench.blank()
    let volume = try VolumeBench.format(disc)
    for (number, digest) in SegmentDigest.allCases.enumerated() {
      try SegmentDigestTests.copy(digest, as: try VolumeBench.software(UInt8(number + 1)), to: volume)
    }
    #expect(try SegmentDigestTests.check(disc).state == .whole)
    #expect(try VolumeState(of: disc)?.titles.values.allSatisfy { $0 == SegmentDigestTests.octets } == true)
  }

  @Test(arguments: SegmentDigest.allCases) func M14_aCopyGoesOnByTheDigestThatItBeganWith(_ digest: SegmentDigest)
    throws
  {
    let id = try VolumeBench.software(1)
    for (other, kept) in SegmentDigest.allCases.map({ ($0, $0 == digest ? 2 << 20 : 0) }) {
      let disc = try VolumeBench.blank()
      let volume = try VolumeBench.format(disc)
      #expect(try SegmentDigestTests.copy(digest, as: id, to: volume, upTo: 2) == 2 << 20)
      // Of another kind, the journal's claims are simply not true.
      #expect(try SegmentDigestTests.copy(other, as: id, to: try VolumeBench.open(disc)) == UInt64(kept))
      #expect(try VolumeBench.open(disc).open(title: id).digest == other)
      #expect(try SegmentDigestTests.check(disc).state == .whole)
    }
  }

  @Test func whatWasLeftIsComparedByCRCToo() throws {
    let (disc, id) = (try VolumeBench.blank(), try VolumeBench.software(1))
    try SegmentDigestTests.copy(.crc32c, as: id, to: try VolumeBench.format(disc), upTo: 2)
    try disc.flip(VolumeLayout.metadataLength + 1_500_000)
    #expect(try SegmentDigestTests.copy(.crc32c, as: id, to: try VolumeBench.open(disc)) == 1 << 20)
    #expect(try VolumeState(of: disc)?.titles[id] == SegmentDigestTests.octets)
  }

  @Test func digestsAreWhatTheyAreCalled() {
    Array("123456789".utf8).withUnsafeBytes { digits in
      #expect(SegmentDigest.crc32c.digest(of: digits) == [0xE3, 0x06, 0x92, 0x83])
      #expect(SegmentDigest.sha256.digest(of: digits) == Digest.sha256(Array("123456789".utf8)))
    }
    #expect(SegmentDigest.allCases.map(\.octetCount) == [32, 4])
  }

  /// A digest of the other kind is no digest of this title's.
  @Test func aWriterTakesItsOwnKindOnly() throws {
    let volume = try VolumeBench.format(try VolumeBench.blank())
    for digest in SegmentDigest.allCases {
      var writer = try volume.install(title: try VolumeBench.software(1), length: 5, digest: digest)
      let error = [1, 2, 3, 4, 5].withUnsafeBytes { (octets) -> DiscError? in
        let other: SegmentDigest = digest == .sha256 ? .crc32c : .sha256
        do throws(DiscError) {
          try writer.write(segment: UnsafeRawBufferPointer(rebasing: octets[..<5]), digest: other.digest(of: octets))
          return nil
        } catch {
          return error
        }
      }
      #expect(error?.code == .invalidArgument)
    }
  }

  /// What a later version wrote is neither damaged nor to be removed.
  @Test func aManifestOfALaterVersionIsLeftAlone() throws {
    let (disc, id) = (try VolumeBench.blank(), try VolumeBench.software(1))
    try SegmentDigestTests.copy(.crc32c, as: id, to: try VolumeBench.format(disc))
    try disc.replaceRecord(at: SegmentDigestTests.manifest) { $0[9] = 3 }
    #expect(VolumeBench.error { _ = try VolumeBench.open(disc).open(title: id) }?.code == .unsupported)
    let report = try SegmentDigestTests.check(disc)
    #expect(report.state == .newer && report.findings == [VolumeFinding(.title(id), .newer)])
    let error = VolumeBench.error {
      _ = try LicensedVolume.repair(try VolumeBench.session(disc), removingDamaged: true)
    }
    #expect(error?.code == .unsupported)
  }
}
