import Octets

/// Writing to the log, and making room in it.
extension KeyValueStore {
  /// Appends one record, opening a page and compacting where needed.
  ///
  /// - Returns: where it lies and its check.
  func append(_ head: RecordHead, _ value: RawSpan) throws(StoreError) -> (offset: Int, check: UInt32) {
    try settle()
    let size = geometry.recordOctets(value.byteCount)
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
    return log.headOffset + size + (keepingTrim ? geometry.recordOctets(8) : 0) <= end
  }

  /// Compacts until, after opening one page more, compaction still has one to write to.
  private func makeFreePages() throws(StoreError) {
    var rounds = 0
    while log.headSequence > 0, log.freePages < FlashGeometry.reservedPages {
      let isOpenBatch = batch?.start.map { log.tailSequence >= $0.sequence } ?? false
      guard rounds < geometry.pageCount, log.tailSequence < log.headSequence, !isOpenBatch else {
        batch = nil
        throw .full
      }
      try compactOldestPage()
      rounds += 1
    }
  }

  /// Moves the live values of the oldest page to the end of the log and declares the page dead.
  private func compactOldestPage() throws(StoreError) {
    let sequence = log.tailSequence
    guard let page = log.page(of: sequence) else { throw fail() }
    var cursor = RecordCursor(
      store: self, page: page, sequence: sequence, from: geometry.pageStart(page) + geometry.pageHeadOctets)
    while let found = cursor.next() {
      guard found.head.kind == .put || found.head.kind == .copy else { continue }
      guard index.offset(StoreKey(rawValue: found.head.key)) == found.offset else { continue }
      let copy = RecordHead(kind: .copy, key: found.head.key, length: found.head.length, batch: found.head.batch)
      if !hasRoom(geometry.recordOctets(Int(found.head.length)), keepingTrim: true) { try openPage() }
      let (offset, _) = try write(copy, value(at: found.offset))
      guard index.set(StoreKey(rawValue: found.head.key), offset) else { throw fail() }
    }
    try trim(upTo: sequence)
    log.sequences[page] = 0
    log.tailSequence = sequence + 1
  }

  private func trim(upTo sequence: UInt64) throws(StoreError) {
    if !hasRoom(geometry.recordOctets(8), keepingTrim: false) { try openPage() }
    var octets = InlineArray<8, UInt8>(repeating: 0)
    for index in 0..<8 { octets[index] = UInt8(truncatingIfNeeded: sequence >> UInt64(56 - 8 * index)) }
    _ = try write(RecordHead(kind: .trim, length: 8), octets.span.bytes)
  }

  /// Erases the next free page and makes it the newest one; what is older, and its head, are durable afterwards.
  private func openPage() throws(StoreError) {
    guard let page = nextFreePage() else { throw fail() }
    try syncFlash()
    let erasures = log.erasures[page] &+ 1
    let sequence = log.headSequence + 1
    staging.removeAll()
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
    staging.removeAll()
    do throws(OctetError) {
      try head.write(into: staging)
      try staging.append(value)
      try pad()
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

  /// Before the first write after a mount: makes zeros of whatever a power cut may have left behind the sound records.
  private func settle() throws(StoreError) {
    guard log.needsSettling else { return }
    let end = geometry.pageStart(log.headPage) + geometry.pageSize
    var last = log.headOffset
    var position = log.headOffset
    while position < end {
      if !isFilled(position, geometry.wordSize, with: 0xFF) { last = position }
      position += geometry.wordSize
    }
    let zeros = InlineArray<16, UInt8>(repeating: 0)
    position = last
    while position >= log.headOffset, position < end {
      log.isUnsynced = true
      do { try flash.program(at: position, zeros.span.bytes.extracting(0..<geometry.wordSize)) } catch { throw fail() }
      position -= geometry.wordSize
    }
    log.headOffset = min(last + geometry.wordSize, end)
    log.needsSettling = false
  }

  private func fail() -> StoreError {
    log.isBroken = true
    batch = nil
    return .failed
  }
}
