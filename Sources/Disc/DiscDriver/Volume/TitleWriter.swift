import Cryptography

/// Streams a title's software onto a licensed volume at constant memory, and commits it in the end.
///
/// Software given in whole mebibytes goes to the drive straight from the caller's memory; any other pieces are first
/// gathered into one. A writer that is dropped without ``commit()`` leaves no title: its room is free again. One that
/// ``LicensedVolume/resumableInstall(title:length:source:information:digest:checkpoints:progress:)`` made leaves a journal of what it wrote.
public struct TitleWriter: ~Copyable {
  private let volume: LicensedVolume
  private let space: TitleSpace
  private let segment: UnsafeMutableRawBufferPointer
  private var manifest: TitleManifest
  private var filled = 0
  private var recorder: Recorder?

  /// Octets of whole segments that were written, by this writer or by the one that it goes on for.
  public private(set) var written: UInt64 = 0
  /// The number of the segment that is to be written next, from 0 on.
  public var nextSegment: Int { manifest.digests.count }

  init(_ volume: LicensedVolume, _ manifest: TitleManifest, _ space: TitleSpace) {
    self.volume = volume
    self.manifest = manifest
    self.space = space
    segment = .allocate(byteCount: TitleManifest.segmentLength, alignment: 4096)
  }

  /// A writer that keeps a journal, and begins behind the segments with these digests.
  init(
    _ volume: LicensedVolume, _ manifest: TitleManifest, _ space: TitleSpace, resuming digests: [[UInt8]],
    _ recorder: Recorder
  ) {
    self.init(volume, manifest, space)
    self.manifest.digests = digests
    written = min(UInt64(digests.count) * UInt64(TitleManifest.segmentLength), manifest.length)
    var recorder = recorder
    recorder.journal.note(digests)
    recorder.pace.restart()
    self.recorder = recorder
  }

  deinit {
    segment.deallocate()
    volume.isWriting = false
  }

  /// Octets that are still to be written.
  public var remaining: UInt64 { manifest.length - written - UInt64(filled) }

  /// Writes the next octets of the software.
  ///
  /// - Throws: ``DiscError/Code/invalidArgument`` for more than was announced; what was committed before is safe whatever
  ///   happens here.
  public mutating func write(_ bytes: UnsafeRawBufferPointer) throws(DiscError) {
    guard UInt64(bytes.count) <= remaining else {
      throw DiscError(
        .invalidArgument, operation, remedy: "there is more software than was announced; announce its exact length")
    }
    var rest = bytes
    while !rest.isEmpty {
      let count = min(segment.count - filled, rest.count)
      let part = UnsafeRawBufferPointer(rebasing: rest[..<count])
      if count == segment.count {
        try put(part, digest: digest.digest(of: part))
      } else {
        UnsafeMutableRawBufferPointer(rebasing: segment[filled..<(filled + count)]).copyMemory(from: part)
        filled += count
        if filled == segment.count { try flush() }
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  /// Writes the next segment, a whole mebibyte but for the last, whose ``digest`` the caller has computed.
  ///
  /// The digest goes into the manifest as it is: a wrong one makes the segment count as damaged.
  public mutating func write(segment software: UnsafeRawBufferPointer, digest: [UInt8]) throws(DiscError) {
    guard filled == 0, digest.count == manifest.digest.octetCount, UInt64(software.count) <= remaining,
      software.count == segment.count || UInt64(software.count) == remaining, !software.isEmpty
    else {
      throw DiscError(
        .invalidArgument, operation, remedy: "give whole segments of 1 MiB, the last one as long as was announced")
    }
    try put(software, digest: digest)
  }

  /// By what the manifest will know segments again.
  public var digest: SegmentDigest { manifest.digest }

  /// The digest of all software written so far, where segments have SHA-256 (``Cryptography/PieceDigest``).
  public var contentDigest: [UInt8] { PieceDigest.combining(manifest.digests) }

  /// Stops before the end, so that the copy can go on later where this one came to; returns when all of that is on the
  /// medium. Without a journal there is nothing to do.
  ///
  /// - Returns: octets that need not be written again.
  @discardableResult
  public consuming func suspend() throws(DiscError) -> UInt64 {
    guard recorder != nil, written > 0 else { return 0 }
    try checkpoint()
    return written
  }

  /// Gives up, so that the next copy starts over: what was written is not what it should be.
  public consuming func abandon() throws(DiscError) {
    try recorder?.place.write(nil)
  }

  /// Reads back from the medium what was written, and compares it with its digests.
  ///
  /// - Parameter progress: hears how many octets of how many were compared; answers whether to go on.
  /// - Returns: whether all of it was compared, and not ended by `progress`.
  /// - Throws: ``DiscError/Code/damaged`` if the medium holds something else, or whatever the drive reports.
  public mutating func verify(progress: (_ done: UInt64, _ total: UInt64) -> Bool) throws(DiscError) -> Bool {
    if filled > 0 { try flush() }
    try space.store.session.synchronize()
    for (index, digest) in manifest.digests.enumerated() {
      guard try space.digest(manifest.digest, ofSegment: index, length: manifest.length, in: segment) == digest else {
        throw DiscError(
          .damaged, "the disc does not hold what was written to it", remedy: "use another disc",
          discMayHaveChanged: true)
      }
      let done = min(UInt64(index + 1) * UInt64(TitleManifest.segmentLength), written)
      guard progress(done, written) else { return false }
    }
    return true
  }

  /// Writes the manifest, waits until everything is on the medium, and only then puts the title into the catalogue.
  ///
  /// - Throws: ``DiscError/Code/invalidArgument`` if less was written than announced. If this fails the volume is as it
  ///   was before, or, when only the catalogue's second copy failed, has the title.
  @discardableResult
  public consuming func commit() throws(DiscError) -> InstalledTitle {
    guard remaining == 0 else {
      throw DiscError(
        .invalidArgument, operation, remedy: "there is less software than was announced; announce its exact length",
        discMayHaveChanged: false)
    }
    if filled > 0 { try flush() }
    let record = VolumeRecord(
      kind: .manifest, sequence: 1, volumeID: space.store.volumeID, mediumDigest: space.store.mediumDigest,
      payload: manifest.encoded, version: manifest.version)
    let octets = record.encoded(paddedTo: 1)
    let padded = octets + [UInt8](repeating: 0, count: space.roundedUp(octets.count) - octets.count)
    try padded.withOctets { (all) throws(DiscError) in
      try space.write(all, at: TitleSpace.manifestOffset(length: manifest.length))
    }
    try space.store.session.synchronize()
    try volume.commit(
      Catalogue.Entry(
        softwareID: manifest.softwareID, length: manifest.length, manifestLength: octets.count,
        manifestDigest: Digest.sha256(octets), extents: space.extents))
    // A journal of room that is the title's now says nothing, so it matters little whether this is ever lasting.
    try? recorder?.place.write(nil)
    return InstalledTitle(softwareID: manifest.softwareID, length: manifest.length)
  }

  private var operation: String { "cannot install \(manifest.softwareID)" }

  /// Writes what was gathered.
  private mutating func flush() throws(DiscError) {
    let software = UnsafeRawBufferPointer(rebasing: segment[..<filled])
    try put(software, digest: digest.digest(of: software))
    filled = 0
  }

  /// Writes a segment; the last one perhaps with zeros up to a whole block.
  private mutating func put(_ software: UnsafeRawBufferPointer, digest: [UInt8]) throws(DiscError) {
    let count = space.roundedUp(software.count)
    if count == software.count {
      try space.write(software, at: written)
    } else {
      if software.baseAddress != UnsafeRawPointer(segment.baseAddress) { segment.copyMemory(from: software) }
      for index in software.count..<count { segment[index] = 0 }
      try space.write(UnsafeRawBufferPointer(rebasing: segment[..<count]), at: written)
    }
    manifest.digests.append(digest)
    written += UInt64(software.count)
    if let recorder, recorder.isDue(at: manifest.digests.count), remaining > 0 { try checkpoint() }
  }

  /// Makes what was written lasting, and notes it. The journal goes first, so that one flush is enough: what it claims
  /// is compared before anybody believes it.
  private mutating func checkpoint() throws(DiscError) {
    try recorder?.record(manifest.digests)
    try space.store.session.synchronize()
    recorder?.pace.restart()
  }
}

extension TitleWriter {
  /// What a copy leaves for another one to go on with, where, and how often.
  struct Recorder {
    var journal: TitleJournal
    var place: JournalPlace
    var pace: CheckpointPace

    /// Whether it is time for a checkpoint, when so many segments are written.
    func isDue(at segments: Int) -> Bool { segments % journal.interval == 0 && pace.isDue }

    /// Writes down that the segments with these digests are written.
    mutating func record(_ digests: [[UInt8]]) throws(DiscError) {
      journal.note(digests)
      try place.write(journal)
    }
  }
}
