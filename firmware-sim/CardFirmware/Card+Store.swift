import CardProtocol
import ISO7816
import Octets
import SecureChannel

/// The store and the engine as commands see them: their errors are status words.
extension Card {
  /// Runs `body` as one atomic batch: all its writes are durable when this returns, or none happened.
  func atomically(_ body: () throws(StatusWord) -> Void) throws(StatusWord) {
    store.begin()
    do {
      try body()
    } catch {
      store.abandon()
      throw error
    }
    do {
      try store.commit()
    } catch {
      throw error.status
    }
  }

  /// The same for what fills the card. It leaves room for what every card must be able to write: tries of the PIN, states
  /// of codes, deletions, the end of its life.
  ///
  /// - Throws: 6A84 when it would not.
  func atomicallyFilling(_ body: () throws(StatusWord) -> Void) throws(StatusWord) {
    try atomically { () throws(StatusWord) in
      try body()
      guard store.freeOctets - store.batchOctets >= Card.reservedOctets else { throw .notEnoughMemory }
    }
  }

  private static let reservedOctets = 2_048

  /// Sets `key` within a batch.
  func put(_ key: StoreKey, _ value: RawSpan) throws(StatusWord) {
    do { try store.put(key, value) } catch { throw error.status }
  }

  /// Sets `key` to one octet within a batch.
  func put(_ key: StoreKey, octet: UInt8) throws(StatusWord) {
    let value = InlineArray<1, UInt8>(repeating: octet)
    try put(key, value.span.bytes)
  }

  /// Removes `key` within a batch.
  func remove(_ key: StoreKey) throws(StatusWord) {
    do { try store.remove(key) } catch { throw error.status }
  }

  /// Whether there is a value.
  func has(_ key: StoreKey) -> Bool { store.withValue(key) { _ in true } ?? false }

  /// Reads a one-octet value.
  func octet(_ key: StoreKey) -> UInt8? {
    store.withValue(key) { (octets) -> UInt8? in octets.byteCount == 1 ? octets[octet: 0] : nil } ?? nil
  }

  /// Loads the key of `octets` at `offset` of a value into an engine slot.
  ///
  /// - Throws: 6A88 when there is no such value.
  func load(_ key: StoreKey, offset: Int = 0, count: Int, into slot: KeySlot) throws(StatusWord) {
    let loaded = try store.withValue(key) { (octets) throws(StatusWord) -> Bool in
      guard offset <= octets.byteCount, count <= octets.byteCount - offset else { throw StatusWord.executionError }
      do throws(CryptoError) {
        try engine.load(octets.extracting(offset..<(offset + count)), into: slot)
      } catch {
        throw StatusWord.executionError
      }
      return true
    }
    guard loaded == true else { throw .referencedDataNotFound }
  }

  /// Runs a primitive.
  func computing<R: ~Copyable>(_ body: () throws(CryptoError) -> R) throws(StatusWord) -> R {
    do { return try body() } catch { throw error.status }
  }

  /// Writes into a bounded buffer; its overflow is 6700.
  func writing(_ body: () throws(OctetError) -> Void) throws(StatusWord) {
    do { try body() } catch { throw .wrongLength }
  }

  /// Reads outside data; whatever is wrong with it is 6A80.
  func reading<R: ~Copyable>(_ body: () throws(OctetError) -> R) throws(StatusWord) -> R {
    do { return try body() } catch { throw .incorrectData }
  }
}

extension StoreError {
  /// What the reader is told.
  var status: StatusWord {
    switch self {
    case .full: .notEnoughMemory
    default: .memoryFailure
    }
  }
}

extension CryptoError {
  /// What the reader is told; why something is not authentic is never said.
  var status: StatusWord {
    switch self {
    case .notAuthentic: .securityStatusNotSatisfied
    case .badLength, .badKey: .incorrectData
    case .noSuchKey: .referencedDataNotFound
    case .failed: .executionError
    }
  }
}
