/// The place of the journal on a volume, in two copies that are written in turn: whenever a cut tears the one that is
/// being written, the other one, a checkpoint older, holds.
struct JournalPlace {
  private let store: VolumeStore
  private var pair: VolumeStore.Pair

  /// Reads what there is.
  init(on store: VolumeStore) throws(DiscError) {
    self.store = store
    let layout = store.layout
    pair = try store.load(.journal, at: VolumeLayout.journalOffset, length: VolumeLayout.journalLength) { record in
      record.payload.isEmpty || (try? TitleJournal(parsing: record.payload, layout: layout)) != nil
    }
  }

  /// The journal of the copy that was on its way last; `nil` if that one was finished, or there is none for this medium.
  var journal: TitleJournal? {
    guard let record = pair.newest?.record, record.mediumDigest == store.mediumDigest else { return nil }
    return try? TitleJournal(parsing: record.payload, layout: store.layout)
  }

  /// Writes the journal in the place of the older copy, to be lasting with the next flush. Without one, that no copy is on
  /// its way.
  mutating func write(_ journal: TitleJournal?) throws(DiscError) {
    let newest = pair.newest
    let sequence = (newest?.record.sequence ?? 0) + 1
    // A copy without a journal is as good as one with it, but for a cut.
    guard !pair.isNewer, VolumeRecord.sequences.contains(sequence) else { return }
    let record = VolumeRecord(
      kind: .journal, sequence: sequence, volumeID: store.volumeID, mediumDigest: store.mediumDigest,
      payload: journal?.encoded ?? [])
    let copy = newest?.copy.other ?? .a
    let octets = record.encoded(paddedTo: store.session.blockSize)
    let offset = store.layout.offset(of: VolumeLayout.journalOffset, copy: copy)
    try octets.withOctets { (all) throws(DiscError) in try store.write(all, at: offset) }
    switch copy {
    case .a: pair.a = .valid(record)
    case .b: pair.b = .valid(record)
    }
  }
}
