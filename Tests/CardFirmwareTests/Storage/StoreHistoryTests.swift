import CardFirmware
import Octets
import TestSupport
import Testing

/// Long histories on little flash, where compaction never rests.
@Suite struct StoreHistoryTests {
  @Test(arguments: [4, 8, 16]) func historiesAgreeWithTheModel(wordSize: Int) throws {
    var chance = Randomness("store histories, words of \(wordSize)")
    let flash = SimulatedFlash(pageSize: 512, pageCount: 8, wordSize: wordSize, chance: chance)
    var store = try KeyValueStore(flash: flash)
    var model = StoreModel()
    var refusals = 0
    for _ in 0..<chance.soak(1_500, full: 50_000) {
      let batch = StoreModel.randomBatch(keys: 10, limit: 5, longest: store.maximumValueOctets, &chance)
      do throws(StoreError) {
        try store.run(batch)
        model.commit(batch)
      } catch {
        #expect(error == .full)
        refusals += 1
      }
      if Int.random(in: 0..<16, using: &chance.generator) == 0 {
        flash.powerOn()
        let operations = flash.operations
        store = try KeyValueStore(flash: flash)
        #expect(flash.operations == operations || refusals > 0, "a mount wrote where nothing was left behind")
        let isSame = StoreModel(reading: store) == model
        try #require(isSame)
      }
    }
    #expect(StoreModel(reading: store) == model)
    #expect(flash.violations == 0)
    // Pages take turns; one more turn for a page that a mount gave up with the refused batch in it.
    let most = flash.erasures.max() ?? 0
    #expect(most - (flash.erasures.min() ?? 0) <= 2 + most / 10, "\(flash.erasures)")
  }

  /// The largest charge: 1,024 records of 80 octets in one batch, cut here and there.
  @Test func aBatchOfThousandRecordsIsAtomic() throws {
    var chance = Randomness("store, large batches")
    let flash = SimulatedFlash(pageSize: 4_096, pageCount: 128, wordSize: 16, chance: chance)
    let batch = (0..<1_024).map { StoreModel.Change.put(0x1000 + $0, chance.octets(count: 80)) }
    let whole = StoreModel().after(batch)
    for _ in 0..<chance.soak(2, full: 200) {
      flash.cut = SimulatedFlash.Cut(
        operations: Int.random(in: 0..<5_000, using: &chance.generator),
        tear: Tear.allCases.randomElement(using: &chance.generator) ?? .done)
      #expect(throws: StoreError.failed) { try KeyValueStore(flash: flash).run(batch) }
      flash.powerOn()
      #expect(StoreModel(reading: try KeyValueStore(flash: flash)).values.isEmpty)
    }
    let store = try KeyValueStore(flash: flash)
    try store.run(batch)
    #expect(StoreModel(reading: try KeyValueStore(flash: flash)) == whole)
    // Its first pages are trimmed, and what is left of it is headless.
    for _ in 0..<chance.soak(3_000, full: 30_000) { try store.run([.put(1, batch.count.description.utf8.map { $0 })]) }
    var model = StoreModel(reading: try KeyValueStore(flash: flash))
    #expect(model.values.removeValue(forKey: 1) != nil)
    #expect(model == whole)
  }
}
