import CardFirmware
import Octets
import TestSupport
import Testing

/// Power cuts at every operation of random histories, mounts included, each with every way a word or page may tear.
@Suite struct StorePowerCutTests {
  /// A history: after each batch of it, the next one is tried with a cut at each of its operations.
  private struct History {
    let flash: SimulatedFlash
    var model = StoreModel()
    var chance: Randomness
    let longest: Int
    var cuts = 0
    private var trace = ""
    /// A file keeps or loses what it was given; words that change by themselves are flash's own.
    private var tears: [Tear] { flash.losesUnsynced ? [.untouched, .done, .partial] : Tear.allCases }

    init(wordSize: Int, losesUnsynced: Bool, chance: Randomness) throws {
      flash = SimulatedFlash(pageSize: 512, pageCount: 8, wordSize: wordSize, chance: chance)
      flash.losesUnsynced = losesUnsynced
      self.chance = chance
      longest = try KeyValueStore(flash: flash).maximumValueOctets
    }

    mutating func batch() -> [StoreModel.Change] {
      StoreModel.randomBatch(keys: 6, limit: 4, longest: longest / 2, &chance)
    }

    /// One batch with every cut, then the same batch whole. Every `stride`-th operation is cut.
    mutating func advance(stride step: Int) throws {
      let next = batch()
      let modelBefore = model
      let before = flash.snapshot
      flash.powerOn()
      let operations = flash.operations
      let store = try KeyValueStore(flash: flash)
      do {
        try store.run(next)
        model.commit(next)
      } catch StoreError.full {}
      let modelAfter = model
      let count = flash.operations - operations
      let after = flash.snapshot
      model = modelBefore
      for operation in stride(from: Int.random(in: 0..<step, using: &chance.generator), to: count, by: step) {
        for tear in tears {
          flash.restore(before)
          flash.cut = SimulatedFlash.Cut(operations: operation, tear: tear)
          try cutAgainAndAgain(next)
        }
      }
      flash.restore(after)
      model = modelAfter
      try expect([model])
    }

    /// The cut that is set, then up to three more at random operations of recovery and of further batches.
    private mutating func cutAgainAndAgain(_ first: [StoreModel.Change]) throws {
      var allowed = [model]
      var next = first
      trace = ""
      for _ in 0..<4 {
        trace += " \(cuts): \(flash.cut.map { "\($0.tear) at \($0.operations)" } ?? "")"
        do {
          let store = try KeyValueStore(flash: flash)
          let found = StoreModel(reading: store, keys: 1...6)
          let isExpected = allowed.contains(found)
          try #require(isExpected, "neither the old nor the new state, after \(trace)")
          allowed = [found, found.after(next)]
          try store.run(next)
          allowed = [found.after(next)]
        } catch StoreError.full {
          allowed.removeLast()
        } catch StoreError.failed {
          try #require(flash.isOff, "after \(trace)")
        }
        cuts += 1
        flash.powerOn()
        flash.cut = SimulatedFlash.Cut(
          operations: Int.random(in: 0..<24, using: &chance.generator),
          tear: tears.randomElement(using: &chance.generator) ?? .done)
        next = batch()
      }
      flash.powerOn()
      try expect(allowed)
    }

    /// Mounts twice: the first time one of `allowed`, then the same again.
    private func expect(_ allowed: [StoreModel]) throws {
      let first = StoreModel(reading: try KeyValueStore(flash: flash), keys: 1...6)
      let isExpected = allowed.contains(first)
      try #require(isExpected, "neither the old nor the new state, after \(trace)")
      flash.powerOn()
      let second = StoreModel(reading: try KeyValueStore(flash: flash), keys: 1...6)
      let isSame = first == second
      try #require(isSame, "two mounts differ, after \(trace)")
      try #require(flash.violations == 0, "after \(trace)")
    }
  }

  @Test(arguments: [4, 8, 16]) func everyOperationCut(wordSize: Int) throws {
    try run(wordSize: wordSize, losesUnsynced: false, "store power cuts, words of \(wordSize)")
  }

  @Test(arguments: [4, 16]) func everyOperationCutWithUnsyncedOnesLost(wordSize: Int) throws {
    try run(wordSize: wordSize, losesUnsynced: true, "store power cuts with loss, words of \(wordSize)")
  }

  private func run(wordSize: Int, losesUnsynced: Bool, _ purpose: String) throws {
    let chance = Randomness(purpose)
    var history = try History(wordSize: wordSize, losesUnsynced: losesUnsynced, chance: chance)
    for _ in 0..<chance.soak(40, full: 600) { try history.advance(stride: chance.soak(6, full: 1)) }
    print("\(history.cuts) \(purpose)")
  }
}
