import Octets

/// Finding out what is there, without writing.
extension KeyValueStore {
  /// Reads the page heads, puts the pages in order, and replays the log.
  func mount() throws(StoreError) {
    let (newest, trimmed) = try readPages()
    try order(newest: newest, trimmed: trimmed)
    guard newest > 0 else { return }
    var replay = Replay()
    for sequence in log.tailSequence...newest {
      guard let page = log.page(of: sequence) else { throw .damaged }
      try replayPage(page, sequence, &replay)
    }
    guard index.count <= index.capacity else { throw .tooLarge }
    log.batch = replay.lastBatch
  }

  // MARK: Pages

  /// Takes every sound page head, and looks through its page for what is sealed.
  ///
  /// - Returns: the sequence number of the newest page with something sealed in it, 0 if there is none; and the highest one
  ///   that a trim record declares dead.
  private func readPages() throws(StoreError) -> (newest: UInt64, trimmed: UInt64) {
    var newest: UInt64 = 0
    var trimmed: UInt64 = 0
    var foreign = 0
    for page in 0..<geometry.pageCount {
      guard let head = PageHead(octets(geometry.pageStart(page), PageHead.octetCount)) else {
        if !isBlank(page) { foreign += 1 }
        continue
      }
      log.sequences[page] = head.sequence
      log.erasures[page] = head.erasures
      let sealed = try readSealed(page, head.sequence)
      trimmed = max(trimmed, sealed.trimmed)
      guard let zeros = sealed.zeros else { continue }
      log.isSealed[page] = true
      guard head.sequence > newest else { continue }
      newest = head.sequence
      log.headPage = page
      log.sealOffset = zeros.lowerBound
      log.headOffset = zeros.upperBound
    }
    // Without a log, one page may be neither blank nor ours: the very first one, torn while it was being opened.
    guard newest > 0 || foreign <= 1 else { throw .damaged }
    return (newest, trimmed)
  }

  /// The zeros behind the last sealed record of a page; and the highest sequence number that it trims.
  private func readSealed(_ page: Int, _ sequence: UInt64) throws(StoreError) -> (zeros: Range<Int>?, trimmed: UInt64) {
    var sealed: Range<Int>?
    var trimmed: UInt64 = 0
    var cursor = RecordCursor(store: self, page: page, sequence: sequence)
    while let found = cursor.next() {
      guard found.head.kind.wantsSeal else { continue }
      let recordEnd = cursor.position
      guard cursor.skipZeros() > 0 else { continue }
      sealed = recordEnd..<cursor.position
      guard found.head.kind == .trim else { continue }
      var reader = OctetReader(value(at: found.offset))
      guard let target = try? reader.u64(), target < sequence else { throw .damaged }
      trimmed = max(trimmed, target)
    }
    return (sealed, trimmed)
  }

  /// Whether a page's head is erased or given up; what lies behind it may be what a torn erasure left.
  func isBlank(_ page: Int) -> Bool {
    let start = geometry.pageStart(page)
    return isFilled(start, geometry.pageHeadOctets, with: 0xFF) || isFilled(start, geometry.pageHeadOctets, with: 0x00)
  }

  /// Frees what is trimmed and what was never finished; the rest must be every sequence number from the first one not
  /// trimmed to the newest, each once.
  private func order(newest: UInt64, trimmed: UInt64) throws(StoreError) {
    log.headSequence = newest
    log.tailSequence = trimmed + 1
    var pages: UInt64 = 0
    for page in 0..<geometry.pageCount {
      let sequence = log.sequences[page]
      let isUnfinished = sequence > newest || sequence == newest && !log.isSealed[page]
      if sequence <= trimmed || isUnfinished { log.sequences[page] = 0 } else { pages += 1 }
    }
    guard newest > 0 else { return }
    // Compaction never leaves less than one page free, and what is unfinished is free, too.
    guard newest > trimmed, newest - trimmed == pages, log.freePages > 0 else { throw .damaged }
    for sequence in log.tailSequence...newest where log.page(of: sequence) == nil { throw .damaged }
  }

  // MARK: Records

  /// Where a replay stands.
  private struct Replay {
    var checksum = BatchChecksum()
    var batch: UInt32?
    /// Where the first of its records that are left lies.
    var start: LogPosition?
    /// Its first record was not there: trimmed, so the batch was committed, and its commit needs no further proof.
    var isHeadless = false
    var lastBatch: UInt32 = 0
  }

  private func replayPage(_ page: Int, _ sequence: UInt64, _ replay: inout Replay) throws(StoreError) {
    var cursor = RecordCursor(store: self, page: page, sequence: sequence)
    while let found = cursor.next() { try replayRecord(found, sequence, &replay) }
    let end = geometry.pageStart(page) + geometry.pageSize
    guard sequence == log.headSequence || isFilled(cursor.position, end - cursor.position, with: 0xFF) else {
      throw .damaged
    }
  }

  private func replayRecord(
    _ found: RecordCursor.Found, _ sequence: UInt64, _ replay: inout Replay
  ) throws(StoreError) {
    let head = found.head
    replay.lastBatch = max(replay.lastBatch, head.batch)
    switch head.kind {
    case .copy, .gone: try take(head, at: found.offset)
    case .trim: break
    case .put, .remove:
      let isFirst = head.flags & RecordHead.firstOfBatch != 0
      if isFirst || replay.batch != head.batch {
        replay.batch = head.batch
        replay.checksum = BatchChecksum()
        replay.isHeadless = !isFirst
        replay.start = LogPosition(sequence: sequence, offset: found.offset)
      }
      replay.checksum.add(head.check)
    case .commit:
      guard replay.batch == head.batch, let start = replay.start else { break }
      let isWhole = replay.checksum.count == head.key && replay.checksum.value == commitChecksum(found)
      if isWhole || replay.isHeadless { try takeBatch(head.batch, from: start) }
      replay.batch = nil
    }
  }

  private func commitChecksum(_ found: RecordCursor.Found) -> UInt32? {
    var reader = OctetReader(value(at: found.offset))
    return try? reader.u32()
  }
}
