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
/// skipped. The first erased word ends a page. Pages that are not in the log are free, whatever they hold.
///
/// - A batch is `put` and `remove` records with the batch's number, the first one flagged, then one `commit`. Records that
///   no commit follows are dead. The commit vouches for every record of its batch.
/// - Compaction takes the oldest page: its live values are written again as `copy` records, then a `trim` record declares
///   all pages up to it dead. The beginning of a batch may be trimmed before its commit is; since only committed batches
///   are trimmed, records of a batch whose first one is gone count as committed.
/// - A removal in the oldest page is forgotten: what it removed lay in pages that are gone. Only when compaction copied
///   that value between the removal and its commit is the removal written again, as a `gone` record.
/// - A `commit` or `trim` is good when a *seal* follows, two words of zeros of which the first counts. The log ends behind
///   the last seal; later records, and pages in which nothing is sealed and none follows, do not count.
///
/// ## Why a power cut does no harm
/// 1. *What counts is whole.* Words are programmed in ascending order, so a seal that was begun vouches for everything
///    before it. A cut tears the last word only, and what counts ends with a word that means the same when it is programmed
///    again: zeros.
/// 2. *Only the end of the log can be torn.* Before a page is opened everything older is made durable (`sync`).
/// 3. *What a mount shows stays so.* Before it returns, it finishes a half seal, makes zeros of everything behind it, in
///    an order in which none of them seals what is still there, and gives up unfinished pages, the newest first, by zeros over their heads. Where nothing
///    is left behind, it writes nothing; a word that only looks erased is settled before the first record after a mount.
/// 4. *A page is erased right before it is opened*, so a torn or apparent erasure is always done again; and only after the
///    `trim` that freed it is durable.
/// 5. *Stale records never come back:* every check includes the sequence number of its page.
/// 6. *Space for compaction is never given away:* two pages stay free, and a batch that would touch them is refused first.
///    Compacting a page opens one page at most, and the page that a cut compaction had opened is given up.
///
/// Not thread-safe.
public final class KeyValueStore {
  let flash: any FlashMemory
  let geometry: FlashGeometry
  var index: KeyIndex
  var log: LogState
  var batch: OpenBatch?
  /// Why the batch at hand was refused; nothing of it will be written any more.
  private var refusal: StoreError?
  /// One record on its way to the flash.
  let staging: OctetBuffer

  /// Opens the store in `flash`, or an empty one where the flash is blank. Only what a power cut left behind is overwritten,
  /// and nothing when this throws ``StoreError/damaged``.
  ///
  /// - Parameter maximumKeys: how many keys can live at once; by default as many as could reasonably fit, at most 4,096.
  /// - Throws: ``StoreError/damaged`` for flash that holds something else, ``StoreError/tooLarge`` for more keys than
  ///   `maximumKeys`, ``StoreError/badGeometry``, ``StoreError/failed``.
  public init(flash: any FlashMemory, maximumKeys: Int? = nil) throws(StoreError) {
    self.flash = flash
    geometry = flash.geometry
    guard geometry.isPossible else { throw .badGeometry }
    let keys = maximumKeys ?? min(4_096, max(64, geometry.octets / 128))
    index = KeyIndex(capacity: min(max(keys, 1), 32_768))
    log = LogState(pageCount: geometry.pageCount)
    staging = OctetBuffer(capacity: geometry.maximumRecordOctets)
    try mount()
    try recover()
  }

  /// Whether the flash failed under a write, so that nothing but a new mount helps.
  public var isBroken: Bool { log.isBroken }

  /// Octets of the longest value.
  public var maximumValueOctets: Int { geometry.maximumValueOctets }

  /// Octets that new records can still take, heads and padding included; a lower bound.
  public var freeOctets: Int { max(0, geometry.capacity - log.liveOctets) }

  /// Octets that the open batch takes so far, heads and padding included; 0 without one.
  public var batchOctets: Int { batch?.octets ?? 0 }

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
    guard value.byteCount <= maximumValueOctets, (1...65_534).contains(key.rawValue) else { throw refuse(.tooLarge) }
    try appendToBatch(.put, key, value)
  }

  /// Removes `key` when the batch is committed; one that is not there is no error.
  public func remove(_ key: StoreKey) throws(StoreError) {
    let empty = InlineArray<1, UInt8>(repeating: 0)
    try appendToBatch(.remove, key, empty.span.bytes.extracting(0..<0))
  }

  /// Makes the batch true, durably. An empty one costs nothing.
  public func commit() throws(StoreError) {
    guard !log.isBroken else { throw .failed }
    guard let open = batch else { throw refusal ?? .noBatch }
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
  public func abandon() {
    batch = nil
    refusal = nil
  }

  /// Gives the batch up and remembers why, so that nobody takes its commit for done.
  func refuse(_ error: StoreError) -> StoreError {
    batch = nil
    refusal = error
    return error
  }

  private func appendToBatch(_ kind: RecordHead.Kind, _ key: StoreKey, _ value: RawSpan) throws(StoreError) {
    guard !log.isBroken else { throw .failed }
    guard var open = batch else { throw refusal ?? .noBatch }
    let size = geometry.recordOctets(value.byteCount)
    let needed = open.octets + size + geometry.commitOctets
    // Removing must work on a full store, so it may use the slack that putting may not.
    let limit = kind == .remove ? geometry.capacity + geometry.removalSlack : geometry.capacity
    guard open.checksum.count < .max, log.liveOctets + needed <= limit else {
      throw refuse(.full)
    }
    guard index.count + open.puts < index.capacity || kind == .remove || index.offset(key) != nil else {
      throw refuse(.tooLarge)
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
      var cursor = RecordCursor(
        store: self, page: page, sequence: sequence, from: sequence == start.sequence ? start.offset : nil)
      while let found = cursor.next() {
        guard found.head.batch == number else { continue }
        switch found.head.kind {
        case .put, .remove: try take(found.head, at: found.offset)
        case .commit: return
        case .copy, .gone, .trim: break
        }
      }
    }
  }

  /// Makes one record count: the index points to it, or forgets its key.
  func take(_ head: RecordHead, at offset: Int) throws(StoreError) {
    let key = StoreKey(rawValue: head.key)
    if let old = index.offset(key) { log.liveOctets -= geometry.recordOctets(value(at: old).byteCount) }
    if head.kind == .remove || head.kind == .gone {
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
  /// Whether a page has something sealed in it; of use to the mount only.
  var isSealed: [Bool]
  /// Oldest and newest page's sequence number; newest 0 while nothing was ever written.
  var tailSequence: UInt64 = 1
  var headSequence: UInt64 = 0
  /// The newest page, where records are appended, and the next free offset in it.
  var headPage = 0
  var headOffset = 0
  /// Where the mount found the zeros that end the log; of use until the first record after it.
  var sealOffset = 0
  /// Nothing was written since the mount, so the next word may be one that only looks erased.
  var needsSettling = true
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
    isSealed = [Bool](repeating: false, count: pageCount)
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
