import Identifiers

/// Reads a title's software from a licensed volume, any range of it, at constant memory.
///
/// Software is ciphertext that authenticates itself segment by segment, so ``read(at:into:)`` gives what the medium
/// gives; ``readSegment(_:into:)`` and ``verify()`` check it against the manifest and tell damage from tampering.
public struct TitleReader {
  /// Octets in a segment but the last.
  public static let segmentLength = TitleManifest.segmentLength

  /// Which title.
  public var softwareID: SoftwareID { entry.softwareID }
  /// Octets of software.
  public var length: UInt64 { entry.length }
  /// The opaque octets that were installed with the title.
  public var information: [UInt8] { manifest.information }
  /// By what the manifest knows segments again.
  public var digest: SegmentDigest { manifest.digest }
  /// Number of segments.
  public var segmentCount: Int { manifest.digests.count }

  private let volume: LicensedVolume
  private let entry: Catalogue.Entry
  private let manifest: TitleManifest
  private let space: TitleSpace

  init(_ volume: LicensedVolume, _ entry: Catalogue.Entry, _ manifest: TitleManifest, _ space: TitleSpace) {
    self.volume = volume
    self.entry = entry
    self.manifest = manifest
    self.space = space
  }

  /// Fills `buffer` with software from `offset` on, as far as it reaches. Whole blocks, which begin at multiples of the
  /// block size, go straight into `buffer`.
  ///
  /// - Returns: octets read: all that were asked for, fewer only at the end, 0 beyond it.
  public func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(DiscError) -> Int {
    try checkPresence()
    guard offset < length else { return 0 }
    let wanted = Int(min(UInt64(buffer.count), length - offset))
    let blockSize = space.store.session.blockSize
    var done = 0
    while done < wanted {
      let position = offset + UInt64(done)
      let skip = Int(position % UInt64(blockSize))
      let whole = (wanted - done) / blockSize * blockSize
      if skip == 0, whole > 0 {
        try space.read(at: position, into: UnsafeMutableRawBufferPointer(rebasing: buffer[done..<(done + whole)]))
        done += whole
      } else {
        var block = [UInt8](repeating: 0, count: blockSize)
        try block.withMutableOctets { (all) throws(DiscError) in try space.read(at: position - UInt64(skip), into: all)
        }
        let count = min(blockSize - skip, wanted - done)
        UnsafeMutableRawBufferPointer(rebasing: buffer[done..<(done + count)])
          .copyBytes(from: block[skip..<(skip + count)])
        done += count
      }
    }
    return wanted
  }

  /// Reads a segment and checks it against the manifest.
  ///
  /// - Parameters:
  ///   - index: from 0 on.
  ///   - buffer: at least ``segmentLength`` octets, or what is left of the software.
  /// - Returns: octets read.
  public func readSegment(_ index: Int, into buffer: UnsafeMutableRawBufferPointer) throws(DiscError) -> Int {
    guard manifest.digests.indices.contains(index) else {
      throw DiscError(.invalidArgument, operation, remedy: "the title has \(segmentCount) segments")
    }
    let offset = UInt64(index) * UInt64(TitleReader.segmentLength)
    let count = Int(min(UInt64(TitleReader.segmentLength), length - offset))
    guard count <= buffer.count else {
      throw DiscError(.invalidArgument, operation, remedy: "give room for \(count) octets")
    }
    let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
    _ = try read(at: offset, into: part)
    guard manifest.digest.digest(of: UnsafeRawBufferPointer(part)) == manifest.digests[index] else {
      throw DiscError(
        .damaged, "\(operation): segment \(index) of \(segmentCount) is damaged",
        remedy: "delete the title and install it again")
    }
    return count
  }

  /// Reads all of the software and checks it against the manifest.
  public func verify() throws(DiscError) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: TitleReader.segmentLength, alignment: 4096)
    defer { buffer.deallocate() }
    for index in 0..<segmentCount { _ = try readSegment(index, into: buffer) }
  }

  private var operation: String { "cannot read \(softwareID)" }

  /// What was deleted, or installed again, may be overwritten at any time.
  private func checkPresence() throws(DiscError) {
    guard volume.catalogue?.entry(softwareID) == entry else {
      throw DiscError(.notFound, operation, remedy: "the title was deleted or replaced; open it again")
    }
  }
}
