import Octets

/// Finding out what is there. Nothing here writes.
extension KeyValueStore {
  /// Reads the page heads, puts the pages in order, and replays the log.
  func mount() throws(StoreError) {
    let trimmed = try readHeads()
    guard log.headSequence > 0 else { return }
    try checkOrder(from: trimmed + 1)
    var replay = Replay()
    for sequence in log.tailSequence...log.headSequence {
      guard let page = log.page(of: sequence) else { throw .damaged }
      try replayPage(page, sequence, &replay)
    }
    log.batch = replay.lastBatch
  }

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

  /// Takes every sound page head; frees what a trim record declares dead.
  ///
  /// - Returns: the highest trimmed sequence number.
  private func readHeads() throws(StoreError) -> UInt64 {
    var newest: UInt64 = 0
    var blemished = 0
    for page in 0..<geometry.pageCount {
      let start = geometry.pageStart(page)
      if let head = PageHead(octets(start, PageHead.octetCount)) {
        log.sequences[page] = head.sequence
        log.erasures[page] = head.erasures
        newest = max(newest, head.sequence)
      } else if !isFilled(start, geometry.pageSize, with: 0xFF) {
        blemished += 1
      }
    }
    log.headSequence = newest
    guard newest > 0 else {
      // A blank memory, or one whose very first page was being opened when the power failed.
      guard blemished <= 1 else { throw .damaged }
      return 0
    }
    return try freeTrimmed()
  }

  /// Trim records are good by themselves, so they are looked for before the log is put in order.
  private func freeTrimmed() throws(StoreError) -> UInt64 {
    var trimmed: UInt64 = 0
    for page in 0..<geometry.pageCount where log.sequences[page] > 0 {
      var cursor = RecordCursor(
        store: self, page: page, sequence: log.sequences[page], from: geometry.pageStart(page) + geometry.pageHeadOctets
      )
      while let found = cursor.next() {
        guard found.head.kind == .trim, let upTo = trimTarget(found) else { continue }
        guard upTo < log.sequences[page] else { throw .damaged }
        trimmed = max(trimmed, upTo)
      }
    }
    for page in 0..<geometry.pageCount where log.sequences[page] <= trimmed { log.sequences[page] = 0 }
    return trimmed
  }

  private func trimTarget(_ found: RecordCursor.Found) -> UInt64? {
    var reader = OctetReader(value(at: found.offset))
    return try? reader.u64()
  }

  /// The log has every sequence number from the first one that was not trimmed to the newest, each once.
  private func checkOrder(from first: UInt64) throws(StoreError) {
    var pages: UInt64 = 0
    for sequence in log.sequences where sequence > 0 { pages += 1 }
    guard log.headSequence >= first, log.headSequence - first + 1 == pages else { throw .damaged }
    for sequence in first...log.headSequence where log.page(of: sequence) == nil { throw .damaged }
    log.tailSequence = first
  }

  private func replayPage(_ page: Int, _ sequence: UInt64, _ replay: inout Replay) throws(StoreError) {
    let isNewest = sequence == log.headSequence
    var cursor = RecordCursor(
      store: self, page: page, sequence: sequence, from: geometry.pageStart(page) + geometry.pageHeadOctets)
    while let found = cursor.next() {
      try replayRecord(found, sequence, &replay)
    }
    let end = geometry.pageStart(page) + geometry.pageSize
    let isClean = isFilled(cursor.position, end - cursor.position, with: 0xFF)
    if isNewest {
      log.headPage = page
      log.headOffset = cursor.position
      log.needsSettling = true
    } else if !isClean {
      throw .damaged
    }
  }

  private func replayRecord(
    _ found: RecordCursor.Found, _ sequence: UInt64, _ replay: inout Replay
  ) throws(StoreError) {
    let head = found.head
    replay.lastBatch = max(replay.lastBatch, head.batch)
    switch head.kind {
    case .copy: try take(head, at: found.offset)
    case .trim: break
    case .put, .remove:
      if replay.batch != head.batch {
        replay.batch = head.batch
        replay.checksum = BatchChecksum()
        replay.isHeadless = head.flags & RecordHead.firstOfBatch == 0
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
