import CardFirmware
import Octets
import TestSupport

/// What a ``KeyValueStore`` means: a dictionary and batches. The store is right when nobody can tell the two apart.
struct StoreModel: Equatable {
  /// One change of a batch.
  enum Change: Equatable {
    case put(UInt16, [UInt8])
    case remove(UInt16)
  }

  var values: [UInt16: [UInt8]] = [:]

  /// Makes a batch true.
  mutating func commit(_ batch: [Change]) {
    for change in batch {
      switch change {
      case .put(let key, let value): values[key] = value
      case .remove(let key): values[key] = nil
      }
    }
  }

  /// With the batch.
  func after(_ batch: [Change]) -> StoreModel {
    var copy = self
    copy.commit(batch)
    return copy
  }
}

extension StoreModel {
  /// What the store holds under `keys`.
  init(reading store: KeyValueStore, keys: ClosedRange<UInt16> = 0...UInt16.max) {
    store.forEachKey(in: keys) { key in values[key.rawValue] = store.withValue(key) { $0.octets } }
  }

  /// A batch of one to `limit` changes on a few keys, most of them small.
  static func randomBatch(keys: UInt16, limit: Int, longest: Int, _ chance: inout Randomness) -> [Change] {
    (0..<Int.random(in: 1...limit, using: &chance.generator)).map { _ in
      let key = UInt16.random(in: 1...keys, using: &chance.generator)
      if Int.random(in: 0..<4, using: &chance.generator) == 0 { return .remove(key) }
      let isLong = Int.random(in: 0..<6, using: &chance.generator) == 0
      return .put(key, chance.octets(upTo: isLong ? longest : min(24, longest)))
    }
  }
}

extension KeyValueStore {
  /// Runs a batch.
  func run(_ batch: [StoreModel.Change]) throws(StoreError) {
    begin()
    for change in batch {
      switch change {
      case .put(let key, let value): try put(StoreKey(rawValue: key), value.span.bytes)
      case .remove(let key): try remove(StoreKey(rawValue: key))
      }
    }
    try commit()
  }

  /// Copy of a value.
  func octets(_ key: UInt16) -> [UInt8]? { withValue(StoreKey(rawValue: key)) { $0.octets } }
}
