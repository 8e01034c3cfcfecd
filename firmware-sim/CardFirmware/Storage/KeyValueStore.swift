import Octets

/// The card's storage: a log-structured key-value store with atomic batches. This text is its specification.
///
/// ## What it promises
/// A store is a dictionary from ``StoreKey`` to values of at most ``maximumValueOctets``. Between ``begin()`` and
/// ``commit()`` any number of values are put and removed; after ``commit()`` returns, all of it is there for good, and
/// whenever the power fails before that, torn words included, the next mount finds either all of it or nothing. A batch
/// that does not fit is refused (``StoreError/full``) and changes nothing. Reading inside a batch sees the state before it.
///
/// ## How it lies in the flash
/// A page in use starts with a ``PageHead``, padded to a word, whose sequence numbers run without gaps: the log. Behind it
/// lie records (``RecordHead`` and value, padded with 0xFF to a word), none across pages, and words of zeros, which are
/// skipped. The first erased word ends a page. Pages without a sound head are free, whatever they hold.
///
/// - A batch is `put` and `remove` records with the batch's number, the first one flagged, then one `commit`. Records that
///   no commit follows are dead. The commit vouches for every record of its batch.
/// - Compaction takes the oldest page: its live values are written again as `copy` records, then a `trim` record declares
///   all pages up to it dead. The beginning of a batch may be trimmed before its commit is; since only committed batches
///   are trimmed, records of a batch whose first one is gone count as committed.
/// - Removals in the oldest page need no copy: whatever they removed lay in pages that are gone.
///
/// ## Why a power cut does no harm
/// 1. *Only the newest page can be torn.* Before a page is opened everything older is made durable (`sync`), and the head of
///    the new page is, too, before a record follows it.
/// 2. *A torn tail is never built upon.* A mount writes nothing. Before the first write after it, the words from the end
///    of the sound records to the last one that is not erased, at least one, are programmed to zeros, from the last to the
///    first; so a word that only looked erased is settled, and a cut in between leaves a tail that is still no record.
/// 3. *A page is erased right before it is opened*, so a torn or apparent erasure is always done again; and only after the
///    `trim` that freed it is durable.
/// 4. *Stale records never come back:* every check includes the sequence number of its page.
/// 5. *Space for compaction is never given away:* two pages stay free, and a batch that would touch them is refused first.
///
/// Not thread-safe.
public final class KeyValueStore {
  let flash: any FlashMemory
  let geometry: FlashGeometry
  var index: KeyIndex
  var log: LogState
  var batch: OpenBatch?
  /// One record on its way to the flash.
  let staging: OctetBuffer

  /// Opens the store in `flash`, or an empty one where the flash is blank. Nothing is written.
  ///
  /// - Parameter maximumKeys: how many keys can live at once; by default as many as could reasonably fit, at most 4,096.
  /// - Throws: ``StoreError/damaged`` for flash that holds something else, ``StoreError/badGeometry``.
  public init(flash: any FlashMemory, maximumKeys: Int? = nil) throws(StoreError) {
    self.flash = flash
    geometry = flash.geometry
    guard geometry.isPossible else { throw .badGeometry }
    let keys = maximumKeys ?? min(4_096, max(64, geometry.octets / 128))
    index = KeyIndex(capacity: min(max(keys, 1), 32_768))
    log = LogState(pageCount: geometry.pageCount)
    staging = OctetBuffer(capacity: geometry.maximumRecordOctets)
    try mount()
  }

  /// Octets of the longest value.
  public var maximumValueOctets: Int { geometry.maximumValueOctets }

  /// Octets that new records can still take, heads and padding included; a lower bound.
  public var freeOctets: Int { max(0, geometry.capacity - log.liveOctets) }

  /// Lends the value of `key`; `nil` when there is none. Nothing is copied.
  public func withValue<R, E: Error>(_ key: StoreKey, _ body: (RawSpan) throws(E) -> R) throws(E) -> R? {
    guard let offset = index.offset(key) else { return nil }
    return try body(value(at: offset))
  }

  /// Calls `body` with every live key in `range`, in ascending order.
  public func forEachKey<E: Error>(in range: ClosedRange<UInt16>, _ body: (StoreKey) throws(E) -> Void) throws(E) {
    for number in range where index.offset(StoreKey(rawValue: number)) != nil {
      try body(StoreKey(rawValue: number))
    }
  }

  // MARK: Batches

  /// Starts a batch; one that is open is abandoned.
  public func begin() {
    abandon()
    log.batch &+= 1
    batch = OpenBatch(number: log.batch)
  }

  /// Sets `key` to `value` when the batch is committed.
  public func put(_ key: StoreKey, _ value: RawSpan) throws(StoreError) {
    guard value.byteCount <= maximumValueOctets, (1...65_534).contains(key.rawValue) else { throw .tooLarge }
    try appendToBatch(.put, key, value)
  }

  /// Removes `key` when the batch is committed; one that is not there is no error.
  public func remove(_ key: StoreKey) throws(StoreError) {
    let empty = InlineArray<1, UInt8>(repeating: 0)
    try appendToBatch(.remove, key, empty.span.bytes.extracting(0..<0))
  }

  /// Makes the batch true, durably. An empty one costs nothing.
  public func commit() throws(StoreError) {
    guard let open = batch else { return }
    guard !log.isBroken else { throw .failed }
    defer { batch = nil }
    guard open.checksum.count > 0 else { return }
    let checksum = open.checksum.value
    let octets: InlineArray<4, UInt8> = [
      UInt8(truncatingIfNeeded: checksum >> 24), UInt8(truncatingIfNeeded: checksum >> 16),
      UInt8(truncatingIfNeeded: checksum >> 8), UInt8(truncatingIfNeeded: checksum),
    ]
    _ = try append(RecordHead(kind: .commit, key: open.checksum.count, batch: open.number), octets.span.bytes)
    try syncFlash()
    if let start = open.start { try takeBatch(open.number, from: start) }
  }

  /// Gives the batch up; what it wrote is dead.
  public func abandon() { batch = nil }

  private func appendToBatch(_ kind: RecordHead.Kind, _ key: StoreKey, _ value: RawSpan) throws(StoreError) {
    guard !log.isBroken else { throw .failed }
    guard var open = batch else { return }
    let size = geometry.recordOctets(value.byteCount)
    let needed = open.octets + size + geometry.recordOctets(4)
    // Removing must work on a full store, so it may use the slack that putting may not.
    let limit = kind == .remove ? geometry.capacity + geometry.removalSlack : geometry.capacity
    guard open.checksum.count < .max, log.liveOctets + needed <= limit else {
      batch = nil
      throw .full
    }
    guard index.count + open.puts < index.capacity || kind == .remove || index.offset(key) != nil else {
      batch = nil
      throw .tooLarge
    }
    let isFirst = open.checksum.count == 0
    let head = RecordHead(
      kind: kind, flags: isFirst ? RecordHead.firstOfBatch : 0, key: key.rawValue, length: UInt16(value.byteCount),
      batch: open.number)
    let (offset, check) = try append(head, value)
    if isFirst { open.start = LogPosition(sequence: log.headSequence, offset: offset) }
    open.checksum.add(check)
    open.octets += size
    if kind == .put { open.puts += 1 }
    batch = open
  }

  /// Walks a committed batch from its first record to its commit and takes its records into the index.
  func takeBatch(_ number: UInt32, from start: LogPosition) throws(StoreError) {
    for sequence in start.sequence...log.headSequence {
      guard let page = log.page(of: sequence) else { throw .damaged }
      let first = sequence == start.sequence ? start.offset : geometry.pageStart(page) + geometry.pageHeadOctets
      var cursor = RecordCursor(store: self, page: page, sequence: sequence, from: first)
      while let found = cursor.next() {
        guard found.head.batch == number else { continue }
        switch found.head.kind {
        case .put, .remove: try take(found.head, at: found.offset)
        case .commit: return
        case .copy, .trim: break
        }
      }
    }
  }

  /// Makes one record count: the index points to it, or forgets its key.
  func take(_ head: RecordHead, at offset: Int) throws(StoreError) {
    let key = StoreKey(rawValue: head.key)
    if let old = index.offset(key) { log.liveOctets -= geometry.recordOctets(value(at: old).byteCount) }
    if head.kind == .remove {
      index.remove(key)
    } else {
      log.liveOctets += geometry.recordOctets(Int(head.length))
      guard index.set(key, offset) else { throw .tooLarge }
    }
  }
}

/// A place in the log.
struct LogPosition: Equatable {
  var sequence: UInt64
  /// Offset in the flash.
  var offset: Int
}

/// A batch between ``KeyValueStore/begin()`` and its end.
struct OpenBatch {
  let number: UInt32
  /// Where its first record lies.
  var start: LogPosition?
  var checksum = BatchChecksum()
  /// What its records take.
  var octets = 0
  /// Values put, each a new key at worst.
  var puts = 0

  init(number: UInt32) { self.number = number }
}

/// What is known of the log besides the index.
struct LogState {
  /// Sequence number of each page in the log; 0 for a free one.
  var sequences: [UInt64]
  /// Oldest and newest page's sequence number; newest 0 while nothing was ever written.
  var tailSequence: UInt64 = 1
  var headSequence: UInt64 = 0
  /// The newest page, where records are appended, and the next free offset in it.
  var headPage = 0
  var headOffset = 0
  /// Where sound records end, when the words behind must be settled before the first write.
  var needsSettling = false
  /// Number of the last batch.
  var batch: UInt32 = 0
  /// What the live records take.
  var liveOctets = 0
  /// Programs since the last sync.
  var isUnsynced = false
  /// The flash failed under a write.
  var isBroken = false
  /// Erasures of each page, as far as known.
  var erasures: [UInt32]

  init(pageCount: Int) {
    sequences = [UInt64](repeating: 0, count: pageCount)
    erasures = [UInt32](repeating: 0, count: pageCount)
  }

  /// Pages that no part of the log lies in.
  var freePages: Int {
    var count = 0
    for sequence in sequences where sequence == 0 { count += 1 }
    return count
  }

  /// The page of a sequence number.
  func page(of sequence: UInt64) -> Int? {
    for page in sequences.indices where sequences[page] == sequence && sequence > 0 { return page }
    return nil
  }
}
