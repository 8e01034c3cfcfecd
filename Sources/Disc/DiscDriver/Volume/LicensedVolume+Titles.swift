import Cryptography
import Identifiers

/// A title whose software is on a medium, whole and committed.
public struct InstalledTitle: Hashable, Sendable {
  /// Which title.
  public let softwareID: SoftwareID
  /// Octets of its software.
  public let length: UInt64
}

extension LicensedVolume {
  /// Most octets of information in a title's manifest.
  public static let maximumInformationLength = 64 << 10

  /// Every title on the volume.
  ///
  /// - Throws: ``DiscError/Code/damaged`` if neither copy of the catalogue can be read.
  public func titles() throws(DiscError) -> [InstalledTitle] {
    try readableCatalogue("cannot list the titles").entries
      .map { InstalledTitle(softwareID: $0.softwareID, length: $0.length) }
  }

  /// Octets free for software, in pieces as they may be.
  public func freeOctets() throws(DiscError) -> UInt64 {
    try readableCatalogue("cannot tell the free space").freeExtents(in: layout)
      .reduce(0) { $0 + $1.count } * VolumeLayout.clusterLength
  }

  /// Begins to put a title's software on the volume, as ciphertext (M8). The title appears, in the place of an earlier
  /// one of the same id, when the writer commits it; a writer that is dropped before leaves nothing, and neither does a
  /// power cut.
  ///
  /// - Parameters:
  ///   - length: octets of software that will be written, exactly.
  ///   - information: opaque octets for the manifest, at most ``maximumInformationLength``.
  ///   - digest: by what the manifest is to know segments again.
  /// - Throws: ``DiscError/Code/full`` before anything is written, ``DiscError/Code/writing`` while another writer lives.
  public func install(
    title softwareID: SoftwareID, length: UInt64, information: [UInt8] = [], digest: SegmentDigest = .sha256
  ) throws(DiscError) -> TitleWriter {
    let operation = "cannot install \(softwareID)"
    let manifest = TitleManifest(softwareID: softwareID, length: length, information: information, digest: digest)
    let clusters = try prepareToInstall(manifest, operation)
    let extents = try allocate(clusters, operation)
    isWriting = true
    return TitleWriter(self, manifest, TitleSpace(store: store, extents: extents))
  }

  /// Checks that a title with such a manifest may be installed.
  ///
  /// - Returns: the clusters that it needs.
  func prepareToInstall(_ manifest: TitleManifest, _ operation: String) throws(DiscError) -> UInt64 {
    guard !isWriting else {
      throw DiscError(.writing, operation, remedy: "another title is being installed; wait for its end")
    }
    guard manifest.information.count <= LicensedVolume.maximumInformationLength,
      let manifestLength = TitleManifest.recordLength(
        length: manifest.length, information: manifest.information.count, digest: manifest.digest)
    else {
      throw DiscError(
        .invalidArgument, operation, remedy: "give at most 64 KiB of information and 250 GiB of software")
    }
    let catalogue = try readableCatalogue(operation)
    try prepareToChange(operation)
    guard catalogue.hasRoom || catalogue.entry(manifest.softwareID) != nil else {
      throw DiscError(.full, operation, remedy: "the catalogue has no room for another title; delete a title first")
    }
    return Catalogue.clusters(length: manifest.length, manifestLength: manifestLength)
  }

  /// Room for `clusters` that nothing holds.
  func allocate(_ clusters: UInt64, _ operation: String) throws(DiscError) -> [Extent] {
    if let extents = try readableCatalogue(operation).allocate(clusters, in: layout) { return extents }
    let free = try freeOctets()
    throw DiscError(
      .full, operation,
      remedy: "it needs \(clusters * VolumeLayout.clusterLength >> 10) KiB and \(free >> 10) KiB are free; delete a "
        + "title first, or use another disc")
  }

  /// Takes a title's software off the volume. Its licence stays.
  public func delete(title softwareID: SoftwareID) throws(DiscError) {
    let operation = "cannot delete \(softwareID)"
    var catalogue = try readableCatalogue(operation)
    guard catalogue.entry(softwareID) != nil else { throw LicensedVolume.noTitle(operation) }
    // A title that is being written has room that no catalogue shows yet: what is deleted is free only after that.
    guard !isWriting else {
      throw DiscError(.writing, operation, remedy: "another title is being installed; wait for its end")
    }
    try prepareToChange(operation)
    catalogue.entries.removeAll { $0.softwareID == softwareID }
    try commit(catalogue)
  }

  /// Opens a title's software for reading.
  ///
  /// - Throws: ``DiscError/Code/notFound``, ``DiscError/Code/damaged`` if its manifest is, or
  ///   ``DiscError/Code/unsupported`` if a later version wrote that.
  public func open(title softwareID: SoftwareID) throws(DiscError) -> TitleReader {
    let operation = "cannot read \(softwareID)"
    guard let entry = try readableCatalogue(operation).entry(softwareID) else {
      throw LicensedVolume.noTitle(operation)
    }
    let space = TitleSpace(store: store, extents: entry.extents)
    var octets = [UInt8](repeating: 0, count: space.roundedUp(entry.manifestLength))
    try octets.withMutableOctets { (all) throws(DiscError) in
      try space.read(at: TitleSpace.manifestOffset(length: entry.length), into: all)
    }
    octets.removeLast(octets.count - entry.manifestLength)
    let found = VolumeRecord.find(.manifest, of: store.volumeID, in: octets)
    if found == .newer { throw VolumeStore.newer(operation) }
    guard Digest.sha256(octets) == entry.manifestDigest, case .valid(let record) = found,
      let manifest = try? TitleManifest(parsing: record), manifest.softwareID == softwareID,
      manifest.length == entry.length
    else {
      throw DiscError(.damaged, operation, remedy: "its manifest is damaged; delete it and install it again")
    }
    return TitleReader(self, entry, manifest, space)
  }

  /// Commits what a writer wrote.
  func commit(_ entry: Catalogue.Entry) throws(DiscError) {
    var catalogue = try readableCatalogue("cannot install \(entry.softwareID)")
    catalogue.entries.removeAll { $0.softwareID == entry.softwareID }
    catalogue.entries.append(entry)
    try commit(catalogue)
  }

  private static func noTitle(_ operation: String) -> DiscError {
    DiscError(.notFound, operation, remedy: "there is no such title on this disc; install it first")
  }
}

extension Catalogue {
  /// The entry of a title.
  func entry(_ softwareID: SoftwareID) -> Entry? { entries.first { $0.softwareID == softwareID } }
}
