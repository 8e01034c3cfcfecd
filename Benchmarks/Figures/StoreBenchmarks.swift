import CardFirmware
import Octets

/// Reading the card's store where it lies, against a dictionary of arrays.
enum StoreBenchmarks {
  private static let keys: UInt16 = 1_000

  static let all: [Benchmark] = [
    Benchmark(name: "store: read") { plan in
      let store = try KeyValueStore(flash: MemoryFlash())
      var dictionary: [UInt16: [UInt8]] = [:]
      for number in 1...keys {
        let value = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 64)
        store.begin()
        try store.put(StoreKey(rawValue: number), value.span.bytes)
        try store.commit()
        dictionary[number] = value
      }
      var sums = (ours: 0, reference: 0)
      let figure = try Comparison(plan: plan).figure("store read : Dictionary read") { count in
        var key = Scatter()
        return timing(count) { sums.ours &+= store.withValue(key.next()) { Int($0[octet: 7]) } ?? 0 }
      } reference: { count in
        var key = Scatter()
        return timing(count) { sums.reference &+= Int(dictionary[key.next().rawValue]?[7] ?? 0) }
      }
      guard sums.ours > 0, sums.reference > 0 else { throw MeasurementError("nothing was read") }
      return [figure]
    },
    Benchmark(name: "store: mount") { plan in
      let flash = MemoryFlash()
      let store = try KeyValueStore(flash: flash)
      let value = [UInt8](repeating: 1, count: 64)
      for number in 1...keys {
        store.begin()
        try store.put(StoreKey(rawValue: number), value.span.bytes)
        try store.commit()
      }
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: flash.geometry.octets, alignment: 16)
      defer { copy.deallocate() }
      let image = UnsafeRawBufferPointer(start: flash.base, count: copy.count)
      return [
        try Comparison(plan: plan).figure("mount 1,000 values : copy of the flash") { count in
          try timing(count) { _ = try KeyValueStore(flash: flash) }
        } reference: { count in
          timing(count) { copy.copyMemory(from: image) }
        }
      ]
    },
  ]

  /// All keys, in an order that no cache foresees.
  private struct Scatter {
    private var state: UInt32 = 1

    mutating func next() -> StoreKey {
      state = state &* 1_664_525 &+ 1_013_904_223
      return StoreKey(rawValue: UInt16(truncatingIfNeeded: (state >> 16) % UInt32(keys)) + 1)
    }
  }
}
