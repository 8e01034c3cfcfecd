import Cryptography
import Identifiers
import Octets
import SCSI

/// The licensed volume of a target medium (M6): licences in a predetermined region, and the software they are for.
///
/// ``VolumeLayout`` says where everything lies, `VolumeRecord` in what form. Every change is atomic: a power cut at any
/// moment leaves the state before it or the state after it. Everything but the software lies on the medium in two copies,
/// and damage to either loses nothing. What is read is untrusted: whatever a medium holds, a ``DiscError`` is the worst
/// outcome. The general-use partition beside the volume is never touched.
///
/// Blocking, and not for more than one thread at a time, as ``DriveSession`` is.
public final class LicensedVolume {
  /// The medium that is in the drive.
  public let identity: MediumIdentity
  /// Whether the volume was made on another medium: it can be read, but not changed, and its licences are not for this
  /// medium (M10).
  public let isForeign: Bool
  /// Where the volume's parts lie, in octets from its first block.
  public let layout: VolumeLayout
  /// The volume's first block on the medium.
  public var firstBlock: UInt64 { store.firstBlock }
  /// The partition for general use, which is the user's to format.
  public let generalUse: BlockRange

  let store: VolumeStore
  var licencePairs: [VolumeStore.Pair]
  /// What lies on the volume; `nil` if neither copy of the catalogue can be read.
  var catalogue: Catalogue?
  var isWriting = false
  var headerPair: VolumeStore.Pair
  var cataloguePair: VolumeStore.Pair
  private var header: VolumeHeader
  private var needsPartitionTable: Bool

  /// Opens the licensed volume of the medium in the drive.
  ///
  /// - Throws: ``DiscError/Code/unformatted`` if there is none, ``DiscError/Code/damaged`` if neither copy of its header
  ///   can be read, ``DiscError/Code/unsupported`` if a later version made it, and whatever the drive reports.
  public init(opening session: DriveSession) throws(DiscError) {
    let operation = "cannot open the licensed volume"
    identity = try session.mediumIdentity()
    let digest = LicensedVolume.digest(of: identity.id)
    let place = try VolumePlace.find(on: session, operation)
    let scout = VolumeStore(
      session: session, layout: place.layout, firstBlock: UInt64(place.volume.first), volumeID: [], mediumDigest: digest
    )
    let found = try LicensedVolume.loadHeader(scout, place, operation)
    header = found.header
    needsPartitionTable = place.needsPartitionTable
    var layout = place.layout
    layout.embossed = try EmbossedPart(on: session)?.clusters(
      of: layout, from: UInt64(place.volume.first), blockSize: UInt64(session.blockSize))
    self.layout = layout
    isForeign = found.record.mediumDigest != digest
    let general = found.header.table.entries[0]
    generalUse = BlockRange(first: UInt64(general?.first ?? 0), count: general?.count ?? 0)

    store = VolumeStore(
      session: session, layout: place.layout, firstBlock: UInt64(place.volume.first), volumeID: found.record.volumeID,
      mediumDigest: digest)
    headerPair = try store.load(.header, at: VolumeLayout.headerOffset, length: VolumeLayout.tableLength) {
      VolumeHeader(parsing: $0, at: place, on: session) != nil
    }
    cataloguePair = try store.load(.catalogue, at: VolumeLayout.catalogueOffset, length: VolumeLayout.tableLength) {
      (try? Catalogue(parsing: $0.payload, layout: place.layout)) != nil
    }
    licencePairs = try LicensedVolume.loadLicences(store)
    catalogue = LicensedVolume.catalogue(in: cataloguePair, place.layout)
  }

  /// The digest of a medium id that goes into records: SHA-256 of the id as a typed field.
  static func digest(of id: MediumID) -> [UInt8] {
    var octets: [UInt8] = [FieldType.mediumID.rawValue]
    octets.append(bigEndian: UInt16(clamping: id.octets.count))
    return Digest.sha256(octets + id.octets)
  }

  /// Finds the header without knowing the volume id yet: the newest of the copies that fit the place.
  private static func loadHeader(
    _ store: VolumeStore, _ place: VolumePlace, _ operation: String
  ) throws(DiscError) -> (header: VolumeHeader, record: VolumeRecord) {
    var best: (header: VolumeHeader, record: VolumeRecord)?
    var isDamaged = false
    for copy in VolumeLayout.Copy.allCases {
      switch try VolumePlace.findHeader(store, copy) {
      case .valid(let record):
        guard let header = VolumeHeader(parsing: record, at: place, on: store.session) else {
          isDamaged = true
          continue
        }
        if best.map({ record.sequence > $0.record.sequence }) ?? true { best = (header, record) }
      case .newer: throw VolumeStore.newer(operation)
      case .malformed, .damaged, .unreadable: isDamaged = true
      case .blank: break
      }
    }
    if let best { return best }
    guard isDamaged else { throw LicensedVolume.unformatted(operation) }
    throw DiscError(
      .damaged, operation,
      remedy: "both copies of its header are damaged; save what else is on the disc, then format it again")
  }

  static func unformatted(_ operation: String) -> DiscError {
    DiscError(.unformatted, operation, remedy: "there is none on this disc; format the disc first")
  }
}

// MARK: - Before and after changes

extension LicensedVolume {
  /// Checks that the volume may be changed, and first brings all copies up to date: so a change never leaves a copy
  /// behind that describes what is gone, and settles whatever an earlier cut left.
  func prepareToChange(_ operation: String) throws(DiscError) {
    guard !isForeign else { throw LicensedVolume.foreign(operation) }
    try restorePartitionTable()
    try store.settle(&headerPair)
    try store.settle(&cataloguePair)
    try settleLicences()
  }

  static func foreign(_ operation: String) -> DiscError {
    DiscError(
      .foreign, operation,
      remedy: "this volume was made on another disc and copied here; use that disc, or format this one")
  }

  /// Writes the partition table again if a power cut tore it.
  func restorePartitionTable() throws(DiscError) {
    guard needsPartitionTable else { return }
    let block = header.table.encoded(blockSize: store.session.blockSize)
    try VolumePlace.writeDurably(block, toBlock: 0, of: store.session)
    needsPartitionTable = false
  }

  /// The catalogue, if it can be read.
  func readableCatalogue(_ operation: String) throws(DiscError) -> Catalogue {
    guard let catalogue else {
      guard !cataloguePair.isNewer else { throw VolumeStore.newer(operation) }
      throw DiscError(
        .damaged, operation,
        remedy: "both copies of the list of titles are damaged; repair the disc, have it remove what is damaged "
          + "(--remove-damaged), and copy the titles again: their licences stay")
    }
    return catalogue
  }

  /// Makes `new` the volume's catalogue.
  func commit(_ new: Catalogue) throws(DiscError) {
    defer { catalogue = LicensedVolume.catalogue(in: cataloguePair, layout) }
    try store.replace(&cataloguePair, with: new.encoded)
  }

  /// The catalogue that holds. Beside one of a later version none does: its room may be in other use by now.
  private static func catalogue(in pair: VolumeStore.Pair, _ layout: VolumeLayout) -> Catalogue? {
    guard !pair.isNewer, let newest = pair.newest else { return nil }
    return try? Catalogue(parsing: newest.record.payload, layout: layout)
  }
}

// MARK: - The drive's word

extension LicensedVolume {
  /// Has the drive sign which medium is inside; `nil` if it attests nothing. See ``DriveSession/attestation(challenge:)``.
  public func attestation(challenge: [UInt8]) throws(DiscError) -> DriveAttestation? {
    try store.session.attestation(challenge: challenge)
  }
}
