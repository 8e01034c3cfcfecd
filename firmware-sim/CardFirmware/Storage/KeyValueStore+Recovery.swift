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

  /// Before the first record after a mount: programs everything from the last seal to one word behind the last that is not
  /// erased to zeros, in ascending order, so that nothing seals a record which is still there.
  func settle() throws(StoreError) {
    guard log.needsSettling, log.headSequence > 0 else { return }
    let end = geometry.pageStart(log.headPage) + geometry.pageSize
    var last = end - geometry.wordSize
    while last > log.headOffset, isFilled(last - geometry.wordSize, geometry.wordSize, with: 0xFF) {
      last -= geometry.wordSize
    }
    try giveUpUnsealed(before: end)
    var position = log.sealOffset
    while position <= last {
      try programZeros(position)
      position += geometry.wordSize
    }
    log.headOffset = max(log.headOffset, last + geometry.wordSize)
    log.needsSettling = false
  }

  /// Where the last record wants a seal and has none, it goes first, durably: a `sync` cut short may keep later zeros, which
  /// would seal it, and lose earlier ones.
  private func giveUpUnsealed(before end: Int) throws(StoreError) {
    var cursor = RecordCursor(
      store: self, page: log.headPage, sequence: log.headSequence, from: log.headOffset, to: end)
    while let found = cursor.next() {
      guard found.head.kind.wantsSeal else { continue }
      for position in stride(from: found.offset, to: cursor.position, by: geometry.wordSize) {
        try programZeros(position)
      }
      return try syncFlash()
    }
  }

  /// Zeros over the head of each free page that has one, or that might show one again; the newest first, each durably, so
  /// that the log never has a gap.
  private func giveUpHeads() throws(StoreError) {
    while let page = pageToGiveUp() {
      let start = geometry.pageStart(page)
      for position in stride(from: start, to: start + geometry.pageHeadOctets, by: geometry.wordSize) {
        try programZeros(position)
      }
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

  private func programZeros(_ position: Int) throws(StoreError) {
    let zeros = InlineArray<16, UInt8>(repeating: 0)
    log.isUnsynced = true
    do { try flash.program(at: position, zeros.span.bytes.extracting(0..<geometry.wordSize)) } catch { throw fail() }
  }
}
