import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import SecureChannel
import Testing

/// Pseudo-random card challenges (Amendment D, 6.2.2.1): what the counter of a key set counts, and what it does not.
@Suite struct SequenceCounterTests {
  private func secured() throws -> Bench {
    var profile = Bench.profile
    profile.hasPseudoRandomChallenge = true
    return try Bench.secured(profile)
  }

  /// What C1 says.
  private func counter(_ bench: Bench) throws -> Int {
    let object = try bench.send(.getData(.sequenceCounter))
    try #require(object.status == .ok && object.data.prefix(2) == [0xC1, 3] && object.data.count == 5)
    return object.data[2...].reduce(0) { $0 << 8 | Int($1) }
  }

  private func initializeUpdate(_ bench: Bench, version: UInt8 = 0) throws -> ResponseAPDU {
    try bench.send(CommandAPDU(cla: 0x80, ins: 0x50, p1: version, data: Bench.puk, le: 256))
  }

  @Test func challengeIsComputedFromTheCounter() throws {
    let bench = try secured()
    let first = try initializeUpdate(bench)
    #expect(first.status == .ok && first.data.count == 32 && first.data[12] == 0x70)
    #expect(Array(first.data[29...]) == [0, 0, 0])
    #expect(try initializeUpdate(bench).data == first.data, "the same opening twice is the same session")
    _ = try bench.open()
    bench.reset()
    let second = try initializeUpdate(bench)
    #expect(Array(second.data[29...]) == [0, 0, 1])
    #expect(second.data[13..<21] != first.data[13..<21])
  }

  @Test func onlyAnAuthenticatedHostCounts() throws {
    let bench = try secured()
    #expect(try counter(bench) == 0)
    let before = bench.flash.content
    for _ in 0..<3 {
      #expect(try initializeUpdate(bench).status == .ok)
      let wrong = CommandAPDU(cla: 0x84, ins: 0x82, p1: 0x33, data: Array(1...16))
      #expect(try bench.status(wrong) == .securityStatusNotSatisfied)
      #expect(try initializeUpdate(bench).status == .ok)
      bench.reset()
    }
    #expect(bench.flash.content == before, "and nobody else wears the flash")
    for count in 1...3 {
      _ = try bench.open()
      try bench.remount()
      #expect(try counter(bench) == count)
    }
  }

  @Test func everyKeySetCountsForItself() throws {
    let bench = try secured()
    let keys = bench.random.octets(48)
    let session = try bench.open()
    #expect(try session.status(try session.putKey(0x02, keys, count: 3)) == .ok)
    bench.reset()
    for _ in 0..<2 { _ = try bench.open(version: 0x02, keys: keys) }
    bench.reset()
    #expect(try initializeUpdate(bench, version: 0x02).data.suffix(3) == [0, 0, 2])
    bench.reset()
    #expect(try counter(bench) == 1)
    // A new set counts from zero.
    let again = try bench.open()
    #expect(try again.status(try again.putKey(0x02, keys, count: 3, replacing: 0x02)) == .ok)
    bench.reset()
    #expect(try initializeUpdate(bench, version: 0x02).data.suffix(3) == [0, 0, 0])
  }

  @Test func usedUpCounterOpensNothing() throws {
    let bench = try secured()
    bench.store.begin()
    let last: InlineArray<3, UInt8> = [0xFF, 0xFF, 0xFF]
    try bench.store.put(StoreKey(rawValue: 0x0801), last.span.bytes)
    try bench.store.commit()
    #expect(try initializeUpdate(bench).status == .conditionsNotSatisfied)
    #expect(try counter(bench) == 0xFF_FFFF)
  }

  @Test func cardsOfChanceHaveNoCounter() throws {
    let bench = try Bench.secured()
    #expect(try bench.status(.getData(.sequenceCounter)) == .referencedDataNotFound)
    let answers = try (0..<2).map { _ in try initializeUpdate(bench).data }
    #expect(answers.allSatisfy { $0.count == 29 && $0[12] == 0x60 } && answers[0] != answers[1])
  }
}
