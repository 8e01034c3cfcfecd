import CardFirmware
import Octets
import TestSupport
import Testing

/// Flash that holds something else, or a store that something gnawed at: mounting it throws or gives a store, never traps.
@Suite struct StoreImageTests {
  @Test func randomImagesAreRefusedUnchanged() throws {
    var chance = Randomness("store, random images")
    let flash = SimulatedFlash(pageSize: 256, pageCount: 8, wordSize: 4, chance: chance)
    for _ in 0..<chance.soak(500, full: 50_000) {
      let image = chance.octets(count: flash.geometry.octets)
      flash.image = image
      #expect(throws: StoreError.damaged) { try KeyValueStore(flash: flash) }
      #expect(flash.operations == 0)
    }
  }

  @Test func mutatedImagesThrowOrMountAndWork() throws {
    var chance = Randomness("store, mutated images")
    let flash = SimulatedFlash(pageSize: 256, pageCount: 8, wordSize: 4, chance: chance)
    let store = try KeyValueStore(flash: flash)
    for _ in 0..<200 { try? store.run(StoreModel.randomBatch(keys: 6, limit: 4, longest: 20, &chance)) }
    let sound = flash.image
    for _ in 0..<chance.soak(800, full: 50_000) {
      var image = sound
      for _ in 0..<Int.random(in: 1...6, using: &chance.generator) { mutate(&image, &chance) }
      flash.image = image
      let operations = flash.operations
      do throws(StoreError) {
        let mounted = try KeyValueStore(flash: flash)
        try mounted.run([.put(7, [7])])
        #expect(try KeyValueStore(flash: flash).octets(7) == [7])
      } catch {
        #expect([.damaged, .tooLarge, .full].contains(error))
        if error == .damaged { #expect(flash.operations == operations) }
      }
    }
  }

  private func mutate(_ image: inout [UInt8], _ chance: inout Randomness) {
    let index = Int.random(in: 0..<image.count, using: &chance.generator)
    switch Int.random(in: 0..<4, using: &chance.generator) {
    case 0: image[index] ^= 1 << UInt8.random(in: 0..<8, using: &chance.generator)
    case 1: image[index] = UInt8.random(in: 0...255, using: &chance.generator)
    case 2:
      // One page over another.
      let from = index / 256 * 256
      let to = Int.random(in: 0..<8, using: &chance.generator) * 256
      image.replaceSubrange(to..<(to + 256), with: Array(image[from..<(from + 256)]))
    default:
      let page = index / 256 * 256
      for offset in index..<(page + 256) { image[offset] = 0xFF }
    }
  }
}
