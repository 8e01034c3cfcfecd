import Cryptography
import Identifiers
import Octets

/// What is on a volume of a title whose copy is on its way, so that a copy that was killed need not start over.
///
/// It claims that so many segments lie in certain extents, and gives their digests, interval by interval. It is a
/// claim only: whoever goes on reads the segments back and compares, and believes the first ones that are what they
/// should be. So a journal may be written before its segments are on the medium, and an old one, or one whose room was
/// taken meanwhile, does no harm.
///
/// Payload: software id (16), length of the software (8), digest of the source (32), segments in an interval (4),
/// segments written (8), number of extents (1), of each extent first cluster (4) and cluster count (4), then for every
/// interval, the last one perhaps of fewer segments, SHA-256 over the digests of its segments, of the kind that the
/// manifest will have (32). No payload says that no copy is on its way.
struct TitleJournal: Hashable {
  /// There are at most so many intervals, for the journal to fit into its place.
  private static let maximumIntervals: UInt64 = 512

  let softwareID: SoftwareID
  let length: UInt64
  /// What tells a source from another one of the same title and length.
  let source: [UInt8]
  /// Segments that are compared together. Checkpoints are where intervals end, though not at every end.
  let interval: Int
  let extents: [Extent]
  /// Segments written.
  private(set) var segments = 0
  private(set) var digests: [[UInt8]] = []

  /// The journal of a copy of which nothing is written yet.
  ///
  /// - Parameter interval: segments in an interval, if so many intervals find room.
  init(softwareID: SoftwareID, length: UInt64, source: [UInt8], extents: [Extent], interval: Int) {
    self.softwareID = softwareID
    self.length = length
    self.source = source
    self.extents = extents
    let segments = TitleManifest.segmentCount(length)
    self.interval = max(interval, Int(segments / TitleJournal.maximumIntervals) + 1)
  }

  /// Octets written, if `segments` are.
  var written: UInt64 { min(UInt64(segments) * UInt64(TitleManifest.segmentLength), length) }

  /// Notes that the segments with these digests are written, all from the first one on.
  mutating func note(_ all: [[UInt8]]) {
    // What was noted before as far as whole intervals go stays.
    let kept = min(segments, all.count) / interval
    digests.removeLast(digests.count - kept)
    for start in stride(from: kept * interval, to: all.count, by: interval) {
      digests.append(PieceDigest.combining(all[start..<min(start + interval, all.count)]))
    }
    segments = all.count
  }
}

extension TitleJournal {
  /// Reads a payload.
  ///
  /// - Throws: ``Octets/OctetError`` for one that no copy writes on a volume of this layout.
  init(parsing payload: [UInt8], layout: VolumeLayout) throws(OctetError) {
    var reader = OctetReader(payload.span.bytes)
    guard let softwareID = SoftwareID(octets: try reader.take(SoftwareID.octetCount).octets) else { throw .invalid }
    self.softwareID = softwareID
    length = try reader.u64()
    source = try reader.take(Digest.octetCount).octets
    interval = Int(try reader.u32())
    let segments = try reader.u64()
    guard interval > 0, length <= layout.length, segments <= TitleManifest.segmentCount(length) else { throw .invalid }
    self.segments = Int(segments)
    var extents: [Extent] = []
    for _ in 0..<(try reader.u8()) {
      extents.append(Extent(first: UInt64(try reader.u32()), count: UInt64(try reader.u32())))
    }
    self.extents = extents
    for _ in stride(from: 0, to: self.segments, by: interval) {
      digests.append(try reader.take(Digest.octetCount).octets)
    }
    try reader.expectEnd()
  }

  /// The payload.
  var encoded: [UInt8] {
    var octets = softwareID.octets
    octets.append(bigEndian: length)
    octets += source
    octets.append(bigEndian: UInt32(clamping: interval))
    octets.append(bigEndian: UInt64(segments))
    octets.append(UInt8(clamping: extents.count))
    for extent in extents {
      octets.append(bigEndian: UInt32(clamping: extent.first))
      octets.append(bigEndian: UInt32(clamping: extent.count))
    }
    for digest in digests { octets += digest }
    return octets
  }

  /// Whether a title of `clusters` finds its room here, nothing of it is embossed, and no title that is listed holds any.
  func hasRoom(for clusters: UInt64, beside catalogue: Catalogue, in layout: VolumeLayout) -> Bool {
    let area = layout.softwareClusters
    let taken = catalogue.entries.flatMap(\.extents) + (layout.embossed.map { [$0] } ?? [])
    guard extents.count <= Catalogue.maximumExtents, extents.reduce(0, { $0 + $1.count }) >= clusters else {
      return false
    }
    return extents.enumerated().allSatisfy { index, extent in
      extent.count > 0 && extent.first >= area.lowerBound && extent.end <= area.upperBound
        && !(taken + extents[..<index]).contains { $0.first < extent.end && extent.first < $0.end }
    }
  }
}
