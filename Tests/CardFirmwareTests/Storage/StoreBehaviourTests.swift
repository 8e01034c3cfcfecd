import CardFirmware
import Octets
import TestSupport
import Testing

/// What the store does while the power is on.
@Suite struct StoreBehaviourTests {
  private func flash(
    pageSize: Int = 512, pageCount: Int = 8, wordSize: Int = 8
  ) -> SimulatedFlash {
    SimulatedFlash(pageSize: pageSize, pageCount: pageCount, wordSize: wordSize, chance: Randomness(seed: 1))
  }

  @Test func blankFlashIsAnEmptyStoreAndStaysBlank() throws {
    let flash = flash()
    let store = try KeyValueStore(flash: flash)
    #expect(StoreModel(reading: store).values.isEmpty)
    #expect(flash.operations == 0)
    #expect(store.freeOctets > 0)
  }

  @Test func aBatchCountsWithItsCommitOnly() throws {
    let flash = flash()
    let store = try KeyValueStore(flash: flash)
    store.begin()
    try store.put(StoreKey(rawValue: 1), ([1, 2, 3] as [UInt8]).span.bytes)
    #expect(store.octets(1) == nil)
    try store.commit()
    #expect(store.octets(1) == [1, 2, 3])
    store.begin()
    try store.remove(StoreKey(rawValue: 1))
    #expect(store.octets(1) == [1, 2, 3])
    store.abandon()
    let again = try KeyValueStore(flash: flash)
    #expect(again.octets(1) == [1, 2, 3])
    try again.run([.remove(1), .remove(2)])
    #expect(try KeyValueStore(flash: flash).octets(1) == nil)
  }

  @Test func theLastChangeOfAKeyInABatchCounts() throws {
    let flash = flash()
    try KeyValueStore(flash: flash).run([.put(1, [1]), .put(1, [2]), .put(2, [3]), .remove(2)])
    #expect(StoreModel(reading: try KeyValueStore(flash: flash)).values == [1: [2]])
  }

  @Test func keysAndLengthsAtTheirLimits() throws {
    let store = try KeyValueStore(flash: flash(pageSize: 4_096))
    #expect(store.maximumValueOctets == 1_024)
    try store.run([.put(1, []), .put(65_534, [UInt8](repeating: 0xFF, count: 1_024))])
    #expect(store.octets(1) == [])
    #expect(store.octets(65_534)?.count == 1_024)
    #expect(throws: StoreError.tooLarge) { try store.run([.put(2, [UInt8](repeating: 0, count: 1_025))]) }
    #expect(throws: StoreError.tooLarge) { try store.run([.put(0, [])]) }
    #expect(throws: StoreError.tooLarge) { try store.run([.put(65_535, [])]) }
    #expect(StoreModel(reading: store).values.count == 2)
  }

  @Test func nothingIsWrittenOutsideOfABatchOrAfterARefusal() throws {
    let store = try KeyValueStore(flash: flash())
    #expect(throws: StoreError.noBatch) { try store.put(StoreKey(rawValue: 1), ([1] as [UInt8]).span.bytes) }
    #expect(throws: StoreError.noBatch) { try store.commit() }
    store.begin()
    try store.put(StoreKey(rawValue: 1), ([1] as [UInt8]).span.bytes)
    #expect(throws: StoreError.tooLarge) { try store.put(StoreKey(rawValue: 0), ([1] as [UInt8]).span.bytes) }
    #expect(throws: StoreError.tooLarge) { try store.commit() }
    #expect(StoreModel(reading: store).values.isEmpty)
  }

  @Test(arguments: [4, 8, 16]) func aFullStoreRefusesAndRemovalMakesRoom(wordSize: Int) throws {
    let flash = flash(wordSize: wordSize)
    let store = try KeyValueStore(flash: flash)
    let value = [UInt8](repeating: 7, count: 20)
    var key: UInt16 = 0
    var model = StoreModel()
    while true {
      let isPromised = store.freeOctets >= 128
      do throws(StoreError) {
        try store.run([.put(key + 1, value)])
      } catch {
        #expect(error == .full)
        #expect(!isPromised)
        break
      }
      key += 1
      model.commit([.put(key, value)])
    }
    #expect(StoreModel(reading: store) == model)
    #expect(StoreModel(reading: try KeyValueStore(flash: flash)) == model)
    for round in 0..<50 {
      let victim = 1 + UInt16(round) % key
      try store.run([.remove(victim)])
      #expect(throws: StoreError.full) { try store.run((0..<20).map { .put(victim, $0 < 19 ? value : [1]) }) }
      try store.run([.put(victim, value)])
    }
    #expect(StoreModel(reading: try KeyValueStore(flash: flash)) == model)
  }

  @Test func aFullIndexRefusesNewKeysOnly() throws {
    let store = try KeyValueStore(flash: flash(pageSize: 1_024, pageCount: 16), maximumKeys: 20)
    try store.run((1...20).map { .put($0, [UInt8($0)]) })
    #expect(throws: StoreError.tooLarge) { try store.run([.put(21, [])]) }
    try store.run([.put(20, [99])])
    try store.run([.remove(1)])
    try store.run([.put(21, [21])])
    #expect(store.octets(20) == [99])
    #expect(store.octets(21) == [21])
  }

  @Test func smallerIndexThanKeysIsRefused() throws {
    let flash = flash()
    try KeyValueStore(flash: flash).run((1...8).map { .put($0, []) })
    #expect(throws: StoreError.tooLarge) { try KeyValueStore(flash: flash, maximumKeys: 7) }
  }

  @Test func geometriesThatCannotBe() {
    for (size, count, word) in [(512, 8, 5), (128, 8, 4), (520, 8, 8), (512, 4, 8), (0, 0, 0), (2_097_152, 8, 8)] {
      let flash = flash(pageSize: size, pageCount: count, wordSize: word)
      #expect(throws: StoreError.badGeometry) { try KeyValueStore(flash: flash) }
    }
  }

  /// However far the removed value lies from the oldest page when the batch that removes it is written.
  @Test func aRemovalOutlivesTheCopyThatCompactionMadeInItsBatch() throws {
    let filler = [UInt8](repeating: 3, count: 60)
    for distance in 0..<60 {
      let flash = flash()
      let store = try KeyValueStore(flash: flash)
      try store.run([.put(1, [1])])
      for _ in 0..<distance { try store.run([.put(2, filler)]) }
      try store.run([.remove(1)] + (0..<7).map { _ in .put(2, filler) })
      for _ in 0..<40 {
        try store.run([.put(3, filler)])
        #expect(try KeyValueStore(flash: flash).octets(1) == nil, "\(distance) batches between")
      }
    }
  }
}
