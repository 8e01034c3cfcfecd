/// Where each live value lies: an open-addressing hash table of fixed size, allocated when the store is mounted.
struct KeyIndex {
  private static let empty: UInt32 = 0

  /// Key and offset of the record's head, packed; offset 0 is a page head, so no record lies there.
  private var keys: [UInt16]
  private var offsets: [UInt32]
  private let mask: Int
  /// Live keys.
  private(set) var count = 0
  /// The most live keys that the owner may have; a replay may pass through states with more.
  let capacity: Int

  /// An index for `capacity` keys: half full at most.
  init(capacity: Int) {
    var size = 16
    while size < 2 * capacity { size *= 2 }
    keys = [UInt16](repeating: 0, count: size)
    offsets = [UInt32](repeating: KeyIndex.empty, count: size)
    mask = size - 1
    self.capacity = capacity
  }

  /// Offset of the live record of `key`.
  func offset(_ key: StoreKey) -> Int? {
    let slot = slot(of: key.rawValue)
    return offsets[slot] == KeyIndex.empty ? nil : Int(offsets[slot])
  }

  /// Sets the offset; `false` when only one slot is free, without which no search would end.
  mutating func set(_ key: StoreKey, _ offset: Int) -> Bool {
    let slot = slot(of: key.rawValue)
    if offsets[slot] == KeyIndex.empty {
      guard count < mask else { return false }
      count += 1
      keys[slot] = key.rawValue
    }
    offsets[slot] = UInt32(truncatingIfNeeded: offset)
    return true
  }

  /// Forgets a key, moving up what hashing had pushed behind it.
  mutating func remove(_ key: StoreKey) {
    var hole = slot(of: key.rawValue)
    guard offsets[hole] != KeyIndex.empty else { return }
    count -= 1
    var probe = hole
    while true {
      probe = (probe + 1) & mask
      guard offsets[probe] != KeyIndex.empty else { break }
      let home = home(of: keys[probe])
      // The entry may fill the hole unless its home lies cyclically between the two.
      let distanceFromHome = (probe - home) & mask
      let distanceFromHole = (probe - hole) & mask
      if distanceFromHome >= distanceFromHole {
        keys[hole] = keys[probe]
        offsets[hole] = offsets[probe]
        hole = probe
      }
    }
    offsets[hole] = KeyIndex.empty
  }

  private func home(of key: UInt16) -> Int { (Int(key) &* 0x9E37 >> 3) & mask }

  /// The slot of `key`, or the empty one where it would go.
  private func slot(of key: UInt16) -> Int {
    var slot = home(of: key)
    while offsets[slot] != KeyIndex.empty, keys[slot] != key { slot = (slot + 1) & mask }
    return slot
  }
}
