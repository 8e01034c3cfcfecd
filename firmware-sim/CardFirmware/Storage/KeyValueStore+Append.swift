import Octets

/// Writing to the log, and making room in it.
extension KeyValueStore {
  /// Appends one record, opening a page and compacting where needed.
  ///
  /// - Returns: where it lies and its check.
  func append(_ head: RecordHead, _ value: RawSpan) throws(StoreError) -> (offset: Int, check: UInt32) {
    try settle()
    let size = geometry.recordOctets(value.byteCount) + (head.kind.wantsSeal ? geometry.sealOctets : 0)
    if !hasRoom(size, keepingTrim: true) {
      try makeFreePages()
      // Compaction may have opened a page with room enough.
      if !hasRoom(size, keepingTrim: true) { try openPage() }
    }
    return try write(head, value)
  }

  /// Everything programmed is durable when this returns.
  func syncFlash() throws(StoreError) {
    guard log.isUnsynced else { return }
    do { try flash.sync() } catch { throw fail() }
    log.isUnsynced = false
  }

  // MARK: Pages

  /// Whether a record fits the newest page; all but trim records leave room for one.
  private func hasRoom(_ size: Int, keepingTrim: Bool) -> Bool {
    guard log.headSequence > 0 else { return false }
    let end = geometry.pageStart(log.headPage) + geometry.pageSize
    return log.headOffset + size + (keepingTrim ? geometry.trimOctets : 0) <= end
  }

  /// Compacts until, after opening one page more, compaction still has one to write to.
  func makeFreePages() throws(StoreError) {
    var rounds = 0
    while log.headSequence > 0, log.freePages < FlashGeometry.reservedPages {
      let isOpenBatch = batch?.start.map { log.tailSequence >= $0.sequence } ?? false
      guard rounds < geometry.pageCount, log.tailSequence < log.headSequence, !isOpenBatch else {
        throw refuse(.full)
      }
      try compactOldestPage()
      rounds += 1
    }
  }

  /// Moves the live values of the oldest page to the end of the log and declares the page dead.
  func compactOldestPage() throws(StoreError) {
    let sequence = log.tailSequence
    guard let page = log.page(of: sequence) else { throw fail() }
    var cursor = RecordCursor(store: self, page: page, sequence: sequence)
    while let found = cursor.next() {
      let key = StoreKey(rawValue: found.head.key)
      switch found.head.kind {
      case .put, .copy:
        guard index.offset(key) == found.offset else { continue }
        let copy = RecordHead(kind: .copy, key: key.rawValue, batch: found.head.batch)
        let offset = try rewrite(copy, value(at: found.offset))
        guard index.set(key, offset) else { throw fail() }
      case .remove where index.offset(key) == nil && isCopiedBeforeCommit(found, page, sequence):
        _ = try rewrite(
          RecordHead(kind: .gone, key: key.rawValue, batch: found.head.batch), value(at: found.offset))
      default: continue
      }
    }
    try trim(upTo: sequence)
    log.sequences[page] = 0
    log.tailSequence = sequence + 1
  }

  private func rewrite(_ head: RecordHead, _ value: RawSpan) throws(StoreError) -> Int {
    if !hasRoom(geometry.recordOctets(value.byteCount), keepingTrim: true) { try openPage() }
    return try write(head, value).offset
  }

  /// Whether what `removal` ended was still copied before the batch was committed: then that copy lies behind the removal
  /// and would be taken for the value once the removal is trimmed.
  private func isCopiedBeforeCommit(_ removal: RecordCursor.Found, _ page: Int, _ first: UInt64) -> Bool {
    for sequence in first...log.headSequence {
      guard let page = log.page(of: sequence) else { return false }
      var cursor = RecordCursor(
        store: self, page: page, sequence: sequence, from: sequence == first ? removal.offset : nil)
      while let found = cursor.next() {
        switch found.head.kind {
        case .copy: if found.head.key == removal.head.key { return true }
        case .commit: if found.head.batch == removal.head.batch { return false }
        case .put, .remove: if found.head.batch != removal.head.batch { return false }
        case .trim, .gone: break
        }
      }
    }
    return false
  }

  private func trim(upTo sequence: UInt64) throws(StoreError) {
    if !hasRoom(geometry.trimOctets, keepingTrim: false) { try openPage() }
    var octets = InlineArray<8, UInt8>(repeating: 0)
    for index in 0..<8 { octets[index] = UInt8(truncatingIfNeeded: sequence >> UInt64(56 - 8 * index)) }
    _ = try write(RecordHead(kind: .trim, length: 8), octets.span.bytes)
  }

  /// Erases the next free page and makes it the newest one; what is older, and its head, are durable afterwards.
  func openPage() throws(StoreError) {
    guard let page = nextFreePage() else { throw fail() }
    try syncFlash()
    let erasures = log.erasures[page] &+ 1
    let sequence = log.headSequence + 1
    staging.wipe()
    do throws(OctetError) {
      try PageHead(sequence: sequence, erasures: erasures).write(into: staging)
      try pad()
    } catch {
      throw fail()
    }
    do throws(FlashError) {
      try flash.erase(page: page)
      try programStaging(at: geometry.pageStart(page))
      try flash.sync()
    } catch {
      throw fail()
    }
    log.isUnsynced = false
    log.sequences[page] = sequence
    log.erasures[page] = erasures
    log.needsSettling = false
    log.headSequence = sequence
    log.headPage = page
    log.headOffset = geometry.pageStart(page) + geometry.pageHeadOctets
  }

  /// Pages take turns, so they wear alike.
  private func nextFreePage() -> Int? {
    for step in 1...geometry.pageCount {
      let page = (log.headPage + step) % geometry.pageCount
      if log.sequences[page] == 0 { return page }
    }
    return nil
  }

  // MARK: Words

  /// Writes one record at the end of the newest page, which has room.
  private func write(_ unchecked: RecordHead, _ value: RawSpan) throws(StoreError) -> (offset: Int, check: UInt32) {
    var head = unchecked
    head.length = UInt16(value.byteCount)
    head.check = head.checksum(value, page: log.headSequence)
    staging.wipe()
    do throws(OctetError) {
      try head.write(into: staging)
      try staging.append(value)
      try pad()
      if head.kind.wantsSeal { try staging.append(repeating: 0x00, count: geometry.sealOctets) }
    } catch {
      throw fail()
    }
    let offset = log.headOffset
    log.isUnsynced = true
    do { try programStaging(at: offset) } catch { throw fail() }
    log.headOffset += staging.count
    staging.wipe()
    return (offset, head.check)
  }

  private func pad() throws(OctetError) {
    try staging.append(repeating: 0xFF, count: geometry.words(staging.count) - staging.count)
  }

  private func programStaging(at offset: Int) throws(FlashError) {
    try staging.withBytes { (words) throws(FlashError) in try flash.program(at: offset, words) }
  }

  /// What is in the flash is known again at the next mount only.
  func fail() -> StoreError {
    log.isBroken = true
    return refuse(.failed)
  }
}
