import SCSI

/// Blocks and records of one licensed volume, by octet offset from its start: the part that knows how a copy is
/// switched, and nothing of what the copies mean.
final class VolumeStore {
  let session: DriveSession
  let layout: VolumeLayout
  let firstBlock: UInt64
  /// Whose records are looked for and written; empty to look for any.
  let volumeID: [UInt8]
  /// Digest of the id of the medium in the drive, which goes into every record.
  let mediumDigest: [UInt8]

  /// The two copies of a record, as they were last seen.
  struct Pair {
    var kind: VolumeRecord.Kind
    /// Offset in the copies.
    var offset: UInt64
    /// Room for the record.
    var length: Int
    var a: VolumeRecord.Found
    var b: VolumeRecord.Found

    /// The record that holds, and where it is.
    var newest: (record: VolumeRecord, copy: VolumeLayout.Copy)? {
      switch (a, b) {
      case (.valid(let a), .valid(let b)): b.sequence > a.sequence ? (b, .b) : (a, .a)
      case (.valid(let a), _): (a, .a)
      case (_, .valid(let b)): (b, .b)
      default: nil
      }
    }

    /// Whether both copies hold the same.
    var isSettled: Bool {
      if case .valid = a { a == b } else { false }
    }
    /// Whether there was a record once that cannot be told any more.
    var isLost: Bool { newest == nil && !isNewer && !isBlank && !wasInterruptedAtStart }
    /// Whether nothing was ever written here.
    var isBlank: Bool { a == .blank && b == .blank }
    /// Whether a power cut tore the first record that was ever written here: the second copy was not begun.
    var wasInterruptedAtStart: Bool {
      switch (a, b) {
      case (.damaged, .blank), (.unreadable, .blank), (.blank, .damaged), (.blank, .unreadable): true
      default: false
      }
    }
    /// Whether a later version wrote here; what an older copy says may not hold any more.
    var isNewer: Bool { a == .newer || b == .newer }
  }

  init(session: DriveSession, layout: VolumeLayout, firstBlock: UInt64, volumeID: [UInt8], mediumDigest: [UInt8]) {
    self.session = session
    self.layout = layout
    self.firstBlock = firstBlock
    self.volumeID = volumeID
    self.mediumDigest = mediumDigest
  }

  // MARK: Blocks

  /// Fills `buffer`, whole blocks, from `offset` on.
  func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(DiscError) {
    try session.read(from: block(at: offset), into: buffer)
  }

  /// `count` octets, whole blocks, from `offset` on.
  func read(at offset: UInt64, count: Int) throws(DiscError) -> [UInt8] {
    var octets = [UInt8](repeating: 0, count: count)
    try octets.withMutableOctets { (all) throws(DiscError) in try read(at: offset, into: all) }
    return octets
  }

  /// Writes whole blocks; they are on the medium only after the next flush.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(DiscError) {
    try session.write(to: block(at: offset), from: bytes)
  }

  /// Writes whole blocks, and returns when they are on the medium and were read back as written.
  func writeDurably(_ octets: [UInt8], at offset: UInt64) throws(DiscError) {
    try octets.withOctets { (all) throws(DiscError) in try write(all, at: offset) }
    do throws(DiscError) {
      try session.synchronize()
      try session.verify(block(at: offset), count: UInt32(octets.count / session.blockSize))
      guard try read(at: offset, count: octets.count) == octets else {
        throw DiscError(
          .mediumFailure, "the disc does not hold what was written to it",
          remedy: "save what can be read and use another disc")
      }
    } catch {
      var error = error
      error.discMayHaveChanged = true
      throw error
    }
  }

  private func block(at offset: UInt64) -> UInt64 { firstBlock + offset / UInt64(session.blockSize) }

  // MARK: Records

  /// Reads both copies. What the medium cannot give any more is a finding, not a failure.
  func load(
    _ kind: VolumeRecord.Kind, at offset: UInt64, length: Int, isWellFormed: (VolumeRecord) -> Bool
  ) throws(DiscError) -> Pair {
    Pair(
      kind: kind, offset: offset, length: length,
      a: try find(kind, at: layout.offset(of: offset, copy: .a), length).checked(isWellFormed),
      b: try find(kind, at: layout.offset(of: offset, copy: .b), length).checked(isWellFormed))
  }

  /// Reads what may be a record at `offset`, and no block behind it: those may be torn from a longer one's days.
  func find(
    _ kind: VolumeRecord.Kind, at offset: UInt64, _ length: Int
  ) throws(DiscError) -> VolumeRecord.Found {
    let volumeID = volumeID.isEmpty ? nil : volumeID
    let blockSize = session.blockSize
    var isOurs = false
    do throws(DiscError) {
      var octets = try read(at: offset, count: blockSize)
      if let count = VolumeRecord.octetCount(of: kind, in: octets), count <= length {
        isOurs = volumeID.map { VolumeRecord.hasVolumeID($0, in: octets) } ?? true
        let whole = (count + blockSize - 1) / blockSize * blockSize
        if whole > blockSize { octets += try read(at: offset + UInt64(blockSize), count: whole - blockSize) }
      }
      return VolumeRecord.find(kind, of: volumeID, in: octets)
    } catch {
      let loss = try VolumeStore.loss(for: error)
      return isOurs ? .unreadable : loss
    }
  }

  /// What a failure to read says about a record: nothing if the place was never written, else that it is lost.
  static func loss(for error: DiscError) throws(DiscError) -> VolumeRecord.Found {
    guard error.code == .mediumFailure else { throw error }
    return error.sense?.key == .blankCheck ? .blank : .unreadable
  }

  /// Puts `payload` in the place of what `pair` holds, so that a cut at any moment leaves the old or the new one:
  /// the copy that does not hold is written, verified and flushed, and holds from then on by its higher sequence; only
  /// then is the other one written, so that damage to either copy loses nothing.
  func replace(_ pair: inout Pair, with payload: [UInt8]) throws(DiscError) {
    let sequence = try nextSequence(pair, payload.count)
    let newest = pair.newest
    let record = VolumeRecord(
      kind: pair.kind, sequence: sequence, volumeID: volumeID, mediumDigest: mediumDigest, payload: payload)
    let first = newest?.copy.other ?? .a
    for copy in [first, first.other] { try write(record, to: copy, of: &pair) }
  }

  /// The number of the record that takes the place of what `pair` holds.
  ///
  /// - Throws: what ``replace(_:with:)`` throws before it writes, if so many octets cannot take that place.
  @discardableResult
  func nextSequence(_ pair: Pair, _ payloadOctets: Int) throws(DiscError) -> UInt64 {
    guard !pair.isNewer else { throw VolumeStore.newer("cannot change the licensed volume") }
    let sequence = (pair.newest?.record.sequence ?? 0) + 1
    guard VolumeRecord.sequences.contains(sequence), payloadOctets <= pair.length - VolumeRecord.overhead else {
      throw DiscError(
        .damaged, "cannot change the licensed volume", remedy: "its numbers have run out; format the disc again")
    }
    return sequence
  }

  /// Writes the copy that does not hold once more, if it differs; what a later version wrote stays as it is.
  func settle(_ pair: inout Pair) throws(DiscError) {
    guard !pair.isSettled, !pair.isNewer, let newest = pair.newest else { return }
    try write(newest.record, to: newest.copy.other, of: &pair)
  }

  /// Writes zeros where a record that nobody can read any more lies, in both copies.
  func clear(_ pair: inout Pair) throws(DiscError) {
    let zeros = [UInt8](repeating: 0, count: pair.length)
    try writeDurably(zeros, at: layout.offset(of: pair.offset, copy: .a))
    pair.a = .blank
    try writeDurably(zeros, at: layout.offset(of: pair.offset, copy: .b))
    pair.b = .blank
  }

  /// The failure to use what a later version wrote.
  static func newer(_ operation: String) -> DiscError {
    DiscError(.unsupported, operation, remedy: "a later version of this program wrote there; use that one")
  }

  private func write(
    _ record: VolumeRecord, to copy: VolumeLayout.Copy, of pair: inout Pair
  ) throws(DiscError) {
    try writeDurably(record.encoded(paddedTo: session.blockSize), at: layout.offset(of: pair.offset, copy: copy))
    switch copy {
    case .a: pair.a = .valid(record)
    case .b: pair.b = .valid(record)
    }
  }
}
