import Octets

/// Making stand for good what a mount has found. Where no power cut had its hand in it, nothing is written.
extension KeyValueStore {
  /// Makes everything illegible that the mount did not count and that might be counted at the next one.
  func recover() throws(StoreError) {
    try giveUpHeads()
    guard log.headSequence > 0 else { return }
    let end = geometry.pageStart(log.headPage) + geometry.pageSize
    let isSealed = log.headOffset - log.sealOffset >= geometry.sealOctets
    if !isSealed || !isFilled(log.headOffset, end - log.headOffset, with: 0xFF) { try settle() }
    try syncFlash()
  }

  /// Before the first record after a mount: programs everything from the last seal to one word behind what a cut may have
  /// reached to zeros, in ascending order, so that a cut in between neither seals a record that is still there nor hides
  /// what was reached.
  ///
  /// Zeros pass a walk on to what lies behind them. So where a `sync` cut short has lost words and left something behind
  /// the one that ends the walk, that word goes last, when all behind it is zeros, durably.
  func settle() throws(StoreError) {
    guard log.needsSettling, log.headSequence > 0 else { return }
    let end = geometry.pageStart(log.headPage) + geometry.pageSize
    let settledEnd = min(reachedEnd(before: end) + geometry.wordSize, end)
    let behindWalk = min(try giveUpUnsealed(before: end) + geometry.wordSize, end)
    if !isFilled(behindWalk, end - behindWalk, with: 0xFF) {
      try programZeros(behindWalk..<settledEnd)
      try syncFlash()
      try programZeros(log.sealOffset..<behindWalk)
    } else {
      try programZeros(log.sealOffset..<settledEnd)
    }
    log.headOffset = settledEnd
    log.needsSettling = false
  }

  /// The end of what may have been programmed behind the log. A record was begun with a word that is not erased, and may
  /// have been torn as far behind as records are long, as values may read as erased.
  private func reachedEnd(before end: Int) -> Int {
    var reached = end
    while reached > log.headOffset, isFilled(reached - geometry.wordSize, geometry.wordSize, with: 0xFF) {
      reached -= geometry.wordSize
    }
    return reached == log.headOffset ? reached : min(reached + geometry.maximumRecordOctets, end)
  }

  /// A walk through the records behind the log.
  private func tail(before end: Int) -> RecordCursor {
    RecordCursor(store: self, page: log.headPage, sequence: log.headSequence, from: log.headOffset, to: end)
  }

  /// Where the last record wants a seal and has none, it goes first, durably: a `sync` cut short may keep later zeros, which
  /// would seal it, and lose earlier ones.
  ///
  /// - Returns: where a walk ended.
  private func giveUpUnsealed(before end: Int) throws(StoreError) -> Int {
    var cursor = tail(before: end)
    while let found = cursor.next() {
      guard found.head.kind.wantsSeal else { continue }
      let walked = cursor.position
      try programZeros(found.offset..<walked)
      try syncFlash()
      return walked
    }
    return cursor.position
  }

  /// Zeros over the head of each free page that has one, or that might show one again; the newest first, each durably, so
  /// that the log never has a gap.
  private func giveUpHeads() throws(StoreError) {
    while let page = pageToGiveUp() {
      let start = geometry.pageStart(page)
      try programZeros(start..<(start + geometry.pageHeadOctets))
      try syncFlash()
    }
  }

  private func pageToGiveUp() -> Int? {
    var newest: (page: Int, sequence: UInt64)?
    for page in 0..<geometry.pageCount where log.sequences[page] == 0 && !isBlank(page) {
      let start = geometry.pageStart(page)
      let sequence = PageHead(octets(start, PageHead.octetCount))?.sequence ?? PageHead.sequenceLimit
      if sequence >= log.tailSequence, sequence > newest?.sequence ?? 0 { newest = (page, sequence) }
    }
    return newest?.page
  }

  /// Programs words to zeros, in ascending order.
  private func programZeros(_ range: Range<Int>) throws(StoreError) {
    let zeros = InlineArray<16, UInt8>(repeating: 0)
    let word = zeros.span.bytes.extracting(0..<geometry.wordSize)
    log.isUnsynced = true
    for position in stride(from: range.lowerBound, to: range.upperBound, by: geometry.wordSize) {
      do { try flash.program(at: position, word) } catch { throw fail() }
    }
  }
}
