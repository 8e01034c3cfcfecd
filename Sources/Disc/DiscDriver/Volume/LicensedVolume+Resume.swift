import Cryptography
import Identifiers

/// A copy that was begun and neither finished nor replaced by another one.
public struct UnfinishedCopy: Hashable, Sendable {
  /// Which title.
  public let softwareID: SoftwareID
  /// Octets of its software.
  public let length: UInt64
  /// What tells its source from others, as it was given when the copy began, 32 octets.
  public let source: [UInt8]
  /// Octets that are on the medium, as far as its journal knows.
  public let written: UInt64
}

extension LicensedVolume {
  /// The copies that can go on by ``resumableInstall(title:length:source:information:digest:checkpoints:progress:)``: none or one. Their room
  /// counts as free until they are finished.
  public func unfinishedCopies() throws(DiscError) -> [UnfinishedCopy] {
    guard let catalogue, let journal = try JournalPlace(on: store).journal,
      journal.hasRoom(for: Catalogue.clusters(length: journal.length, manifestLength: 0), beside: catalogue, in: layout)
    else { return [] }
    return [
      UnfinishedCopy(
        softwareID: journal.softwareID, length: journal.length, source: journal.source, written: journal.written)
    ]
  }

  /// Begins to put a title's software on the volume, or goes on where a copy of the same title from the same source was
  /// interrupted: what that one wrote is read back and compared with its digests, and ``TitleWriter/written`` says from
  /// where on software is wanted.
  ///
  /// At every checkpoint what was written is flushed, and from then on a kill or a power cut costs nothing of it.
  ///
  /// - Parameters:
  ///   - length: octets of software altogether, exactly.
  ///   - source: 32 octets that are the same for the same software only: the digest that a signed catalogue gives.
  ///   - information: opaque octets for the manifest, at most ``maximumInformationLength``.
  ///   - digest: by what the manifest is to know segments again. A journal of a copy with other ones is none of this.
  ///   - pace: when there are checkpoints.
  ///   - progress: hears how many octets of how many were compared; answers whether to go on. After `false` the writer
  ///     begins where comparing ended.
  /// - Throws: as ``install(title:length:information:)`` does.
  public func resumableInstall(
    title softwareID: SoftwareID, length: UInt64, source: [UInt8], information: [UInt8] = [],
    digest: SegmentDigest = .sha256, checkpoints pace: CheckpointPace = CheckpointPace(),
    progress: (_ done: UInt64, _ total: UInt64) -> Bool = { _, _ in true }
  ) throws(DiscError) -> TitleWriter {
    let operation = "cannot install \(softwareID)"
    guard source.count == Digest.octetCount else {
      throw DiscError(.invalidArgument, operation, remedy: "give a digest of the source")
    }
    let manifest = TitleManifest(softwareID: softwareID, length: length, information: information, digest: digest)
    let clusters = try prepareToInstall(manifest, operation)
    let place = try JournalPlace(on: store)
    if let journal = place.journal, journal.softwareID == softwareID, journal.length == length,
      journal.source == source,
      journal.hasRoom(for: clusters, beside: try readableCatalogue(operation), in: layout)
    {
      let space = TitleSpace(store: store, extents: journal.extents)
      let written = try journal.compare(with: space, digest, progress)
      isWriting = true
      return TitleWriter(
        self, manifest, space, resuming: written, TitleWriter.Recorder(journal: journal, place: place, pace: pace))
    }
    let extents = try allocate(clusters, operation)
    isWriting = true
    let journal = TitleJournal(
      softwareID: softwareID, length: length, source: source, extents: extents, interval: pace.interval)
    return TitleWriter(
      self, manifest, TitleSpace(store: store, extents: extents), resuming: [],
      TitleWriter.Recorder(journal: journal, place: place, pace: pace))
  }
}

extension TitleJournal {
  /// Reads back what the journal claims.
  ///
  /// - Returns: the digests of the segments from the first one on that are what they should be, by whole intervals.
  fileprivate func compare(
    with space: TitleSpace, _ kind: SegmentDigest, _ progress: (UInt64, UInt64) -> Bool
  ) throws(DiscError) -> [[UInt8]] {
    let segment = UnsafeMutableRawBufferPointer.allocate(byteCount: TitleManifest.segmentLength, alignment: 4096)
    defer { segment.deallocate() }
    var found: [[UInt8]] = []
    for (index, digest) in digests.enumerated() {
      let end = min((index + 1) * interval, segments)
      var part: [[UInt8]] = []
      for number in (index * interval)..<end {
        guard let digest = try space.digest(kind, ofSegment: number, length: length, in: segment),
          progress(min(UInt64(number + 1) * UInt64(segment.count), written), written)
        else { return found }
        part.append(digest)
      }
      guard PieceDigest.combining(part) == digest else { return found }
      found += part
    }
    return found
  }
}
