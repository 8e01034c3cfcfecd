import ChallengeAccess
import Cryptography
import Formats
import Identifiers
import Octets
import TestSupport
import Testing

/// Chance, the time stamp, and where it is inserted.
@Suite struct RandomComponentTests {
  /// A million messages for one and the same request, in one second: no two share their session, their chance or their
  /// random component.
  @Test func C4_noMessageRepeats() throws {
    let count = Randomness(seed: 0).soak(50_000, full: 1_000_000)
    let bench = try AccessBench()
    let request = try bench.request()
    let random = SystemRandom()
    var sessions: Set<AccessSession> = []
    var chances: Set<[UInt8]> = []
    var components: Set<[UInt8]> = []
    for _ in 0..<count {
      let message = AccessMessage(
        for: request, from: bench.centerID, at: AccessBench.now, asking: [], random: random)
      sessions.insert(message.session)
      chances.insert(message.component.chance)
      components.insert(message.component.octets)
    }
    #expect(sessions.count == count && chances.count == count && components.count == count)
  }

  /// The last moment in which a message is good, and the first in which it is not, on both sides.
  @Test(
    arguments: [
      (0, nil), (Int64(AccessBench.lifetime), nil), (Int64(AccessBench.lifetime) + 1, AccessDenial.stale),
      (100_000_000, .stale), (-Int64(AccessBench.tolerance), nil), (-Int64(AccessBench.tolerance) - 1, .future),
      (-1_800_000_000, .future),
    ] as [(Int64, AccessDenial?)])
  func C5_staleAndFutureAreRefused(later: Int64, expected: AccessDenial?) throws {
    let bench = try AccessBench()
    let request = try bench.request()
    let challenge = try bench.challenge(for: request)
    let answer = try bench.answer(challenge, to: request)
    let now = UInt64(Int64(AccessBench.now) + later)
    #expect(bench.denial(of: answer.octets, in: answer.session, at: now, client: bench.client()) == expected)
    // A client with a clock of its own refuses the same message.
    var client = ClientExchange(request)
    let refusal: AccessRefusal? = expected.map { $0 == .stale ? .stale : .future }
    do throws(AccessRefusal) {
      try client.receive(challenge.span.bytes, under: [bench.serverKey.verificationKey], at: now)
      #expect(refusal == nil)
    } catch {
      #expect(error == refusal)
    }
  }

  /// The ends of what a clock can say trap nobody.
  @Test func C5_theEndsOfTime() throws {
    let bench = try AccessBench()
    let request = try bench.request()
    for (made, now, expected) in [
      (UInt64.max, 0, AccessDenial.future), (0, UInt64.max, .stale), (UInt64.max, UInt64.max, nil), (0, 0, nil),
    ] as [(UInt64, UInt64, AccessDenial?)] {
      let answer = try bench.answer(try bench.challenge(for: request, at: made), to: request)
      #expect(bench.denial(of: answer.octets, in: answer.session, at: now, client: bench.client()) == expected)
    }
  }

  @Test func C6_timeIsRecoveredAtEveryLegalOffset() throws {
    let random = SeededRandom(seed: 6)
    for offset in RandomComponent.offsets {
      for time: UInt64 in [0, 1, AccessBench.now, 0x0102_0304_0506_0708, .max] {
        let chance = random.octets(RandomComponent.chanceOctets)
        let component = try #require(RandomComponent(chance: chance, time: time, offset: offset))
        #expect(component.octets.count == RandomComponent.octetCount)
        #expect(component.time == time && component.chance == chance)
        let stamp = Array(component.octets[Int(offset)..<Int(offset) + 8])
        #expect(stamp == (0..<8).map { UInt8(truncatingIfNeeded: time >> UInt64(56 - 8 * $0)) })
        let read = try #require(RandomComponent(octets: component.octets, offset: offset))
        #expect(read == component && read.time == time)
      }
    }
  }

  @Test func C6_offsetsOutOfRangeAreRefused() throws {
    let random = SeededRandom(seed: 6)
    for offset in (RandomComponent.offsets.upperBound + 1)...UInt8.max {
      #expect(RandomComponent(chance: random.octets(32), time: 1, offset: offset) == nil)
      #expect(RandomComponent(octets: random.octets(40), offset: offset) == nil)
    }
    for count in [0, 39, 41] { #expect(RandomComponent(octets: random.octets(count), offset: 0) == nil) }
    for count in [0, 31, 33] { #expect(RandomComponent(chance: random.octets(count), time: 1, offset: 0) == nil) }
  }

  /// In a whole message too, even one that the centre's own key has signed: neither side reads past the component.
  @Test func C6_aMessageWithAnOffsetOutOfRangeIsRefused() throws {
    let bench = try AccessBench()
    let request = try bench.request()
    let good = try AccessChallenge(try bench.challenge(for: request))
    let position = try #require(AccessMessage.offsetPosition(in: good.message))
    for offset in [UInt8(33), 40, 128, 255] {
      var challenge = good
      challenge.message[position] = offset
      challenge.signature = try bench.serverKey.sign(challenge.message)
      let (message, encoded) = (challenge.message, challenge.encoded)
      #expect(throws: FormatError.self) { _ = try AccessMessage(message) }
      var client = ClientExchange(request)
      do throws(AccessRefusal) {
        try client.receive(encoded.span.bytes, under: [bench.serverKey.verificationKey])
        Issue.record("offset \(offset) was taken")
      } catch {
        #expect(error == .malformed)
      }
    }
  }

  /// Every offset is used, about as often as any other.
  @Test func C6_offsetsAreUpToChance() {
    let random = SeededRandom(seed: 66)
    var counts = [Int](repeating: 0, count: RandomComponent.offsets.count)
    for _ in 0..<33_000 { counts[Int(RandomComponent(at: 1, random: random).offset)] += 1 }
    #expect(counts.allSatisfy { (800...1_200).contains($0) }, "\(counts)")
  }
}

extension AccessMessage {
  /// Where the octet with the offset lies in a record: behind the header, two fields of 16 octets, and its own tag and
  /// length.
  fileprivate static func offsetPosition(in octets: [UInt8]) -> Int? {
    let position = 4 + 2 * (3 + 16) + 3
    guard let message = try? AccessMessage(octets), octets[position] == message.component.offset
    else { return nil }
    return position
  }
}
