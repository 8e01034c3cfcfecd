import Octets

/// A walk over the records of one page.
struct RecordCursor {
  /// A sound record.
  struct Found {
    let head: RecordHead
    /// Offset of its head in the flash.
    let offset: Int
  }

  private let store: KeyValueStore
  private let sequence: UInt64
  private let end: Int
  /// Where the next record would lie; after the last one, where the sound records end.
  private(set) var position: Int

  /// A walk through a page of the log, as far as the log goes; from its first record, or from `start`; or to `end`.
  init(store: KeyValueStore, page: Int, sequence: UInt64, from start: Int? = nil, to end: Int? = nil) {
    let pageStart = store.geometry.pageStart(page)
    self.store = store
    self.sequence = sequence
    let pageEnd =
      page == store.log.headPage && store.log.headSequence > 0
      ? store.log.headOffset : pageStart + store.geometry.pageSize
    self.end = end ?? pageEnd
    position = start ?? pageStart + store.geometry.pageHeadOctets
  }

  /// The next sound record; `nil` at an erased word, at the end of the page, or at a word that is no sound record.
  mutating func next() -> Found? {
    skipZeros()
    guard position <= end - RecordHead.octetCount, let head = RecordHead(store.octets(position, RecordHead.octetCount))
    else { return nil }
    let size = store.geometry.recordOctets(Int(head.length))
    guard Int(head.length) <= store.geometry.maximumValueOctets, size <= end - position else { return nil }
    let offset = position
    guard store.isSound(head, at: offset, page: sequence) else { return nil }
    position += size
    return Found(head: head, offset: offset)
  }

  /// Passes over words of zeros.
  ///
  /// - Returns: how many octets.
  @discardableResult
  mutating func skipZeros() -> Int {
    let start = position
    let word = store.geometry.wordSize
    while position <= end - word, store.isFilled(position, word, with: 0x00) { position += word }
    return position - start
  }
}
