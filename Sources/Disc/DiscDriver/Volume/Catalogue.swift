import Identifiers
import Octets

/// A run of clusters, counted from the volume's start.
struct Extent: Hashable, Sendable {
  var first: UInt64
  var count: UInt64

  var end: UInt64 { first + count }
}

/// The list of the titles on a volume. Writing it is what commits a title, or deletes one.
///
/// Payload: number of titles (2), then of each: software id (16), length of the software (8), length of the manifest
/// (4), SHA-256 of the manifest (32), number of extents (1), and of each extent first cluster (4) and cluster count (4).
struct Catalogue: Hashable {
  struct Entry: Hashable, Sendable {
    var softwareID: SoftwareID
    var length: UInt64
    var manifestLength: Int
    var manifestDigest: [UInt8]
    var extents: [Extent]

    var octetCount: Int { 16 + 8 + 4 + 32 + 1 + 8 * extents.count }

    /// Whether a volume of this layout has room for a title so large where this one says it is.
    func isPossible(in layout: VolumeLayout) -> Bool {
      let area = layout.softwareClusters
      guard length <= layout.length, manifestLength <= Catalogue.maximumManifestLength,
        extents.allSatisfy({ $0.count > 0 && $0.first >= area.lowerBound && $0.end <= area.upperBound })
      else { return false }
      return extents.reduce(0) { $0 + $1.count } >= Catalogue.clusters(length: length, manifestLength: manifestLength)
    }
  }

  /// A title is split into at most so many extents.
  static let maximumExtents = 32
  /// The catalogue must fit into its table.
  static let maximumLength = VolumeLayout.tableLength - VolumeRecord.overhead
  /// The most of a manifest that is read into memory: enough for 250 GiB of software.
  static let maximumManifestLength = 8 << 20

  var entries: [Entry] = []

  /// A catalogue of nothing.
  init() {}

  /// What no catalogue of ours says, whatever its digest: only malice, or a bug, writes it.
  enum Flaw: Hashable {
    /// One title twice.
    case repeated(SoftwareID)
    /// A title with a length or an extent that no volume of this size has, or without room for all of it.
    case impossible(SoftwareID)
    /// Two titles in the same clusters, or one twice in them.
    case overlapping(SoftwareID, SoftwareID)
  }

  /// Reads a payload and checks it against the volume: no extent reaches out of the software area, none is taken twice.
  init(parsing payload: [UInt8], layout: VolumeLayout) throws(OctetError) {
    try self.init(unchecked: payload)
    guard flaws(in: layout).isEmpty else { throw .invalid }
  }

  /// Reads a payload that may list anything.
  init(unchecked payload: [UInt8]) throws(OctetError) {
    var reader = OctetReader(payload.span.bytes)
    for _ in 0..<(try reader.u16()) {
      guard let softwareID = SoftwareID(octets: try reader.take(SoftwareID.octetCount).octets) else { throw .invalid }
      let length = try reader.u64()
      let manifestLength = Int(try reader.u32())
      let manifestDigest = try reader.take(32).octets
      var extents: [Extent] = []
      for _ in 0..<(try reader.u8()) {
        extents.append(Extent(first: UInt64(try reader.u32()), count: UInt64(try reader.u32())))
      }
      entries.append(
        Entry(
          softwareID: softwareID, length: length, manifestLength: manifestLength, manifestDigest: manifestDigest,
          extents: extents))
    }
    try reader.expectEnd()
  }

  /// What is wrong with the list, on a volume of this layout.
  func flaws(in layout: VolumeLayout) -> [Flaw] {
    var flaws: [Flaw] = []
    var seen: Set<SoftwareID> = []
    for entry in entries {
      if !seen.insert(entry.softwareID).inserted { flaws.append(.repeated(entry.softwareID)) }
      if !entry.isPossible(in: layout) { flaws.append(.impossible(entry.softwareID)) }
    }
    let runs = entries.flatMap { entry in entry.extents.map { (extent: $0, softwareID: entry.softwareID) } }
      .sorted { $0.extent.first < $1.extent.first }
    guard var reaching = runs.first else { return flaws }
    for run in runs.dropFirst() {
      if run.extent.first < reaching.extent.end { flaws.append(.overlapping(reaching.softwareID, run.softwareID)) }
      if run.extent.end > reaching.extent.end { reaching = run }
    }
    return flaws
  }

  /// The payload.
  var encoded: [UInt8] {
    var octets: [UInt8] = []
    octets.append(bigEndian: UInt16(clamping: entries.count))
    for entry in entries {
      octets += entry.softwareID.octets
      octets.append(bigEndian: entry.length)
      octets.append(bigEndian: UInt32(clamping: entry.manifestLength))
      octets += entry.manifestDigest
      octets.append(UInt8(clamping: entry.extents.count))
      for extent in entry.extents {
        octets.append(bigEndian: UInt32(clamping: extent.first))
        octets.append(bigEndian: UInt32(clamping: extent.count))
      }
    }
    return octets
  }

  /// Whether a title with the most extents still finds room in the table.
  var hasRoom: Bool {
    2 + entries.reduce(0) { $0 + $1.octetCount } + 61 + 8 * Catalogue.maximumExtents <= Catalogue.maximumLength
  }

  /// Clusters for a title: the software, and from the next cluster on its manifest. The caller has bounded both.
  static func clusters(length: UInt64, manifestLength: Int) -> UInt64 {
    (length + VolumeLayout.clusterLength - 1) / VolumeLayout.clusterLength
      + (UInt64(manifestLength) + VolumeLayout.clusterLength - 1) / VolumeLayout.clusterLength
  }

  /// The runs that no title holds and that can be written, in order.
  func freeExtents(in layout: VolumeLayout) -> [Extent] {
    var free: [Extent] = []
    var next = layout.softwareClusters.lowerBound
    let taken = entries.flatMap(\.extents) + (layout.embossed.map { [$0] } ?? [])
    for extent in taken.sorted(by: { $0.first < $1.first }) {
      if extent.first > next { free.append(Extent(first: next, count: extent.first - next)) }
      next = max(next, extent.end)
    }
    let end = layout.softwareClusters.upperBound
    if end > next { free.append(Extent(first: next, count: end - next)) }
    return free
  }

  /// Room for `count` clusters: the smallest run that holds them, else the largest runs together. `nil` if there is none.
  func allocate(_ count: UInt64, in layout: VolumeLayout) -> [Extent]? {
    let free = freeExtents(in: layout).sorted { $0.count < $1.count }
    if let fitting = free.first(where: { $0.count >= count }) { return [Extent(first: fitting.first, count: count)] }
    var left = count
    var extents: [Extent] = []
    for run in free.reversed().prefix(Catalogue.maximumExtents) where left > 0 {
      extents.append(Extent(first: run.first, count: min(run.count, left)))
      left -= min(run.count, left)
    }
    return left == 0 ? extents : nil
  }
}
