import Testing

@testable import CenterServer

/// How often each address may ask, and what is remembered of whom.
@Suite struct TokenBucketTests {
  private static let second: UInt64 = 1_000_000_000

  private func address(_ number: Int) -> ClientAddress {
    ClientAddress(IPAddress("10.\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)"))
  }

  @Test func aBucketIsEmptiedAtOnceAndFillsSteadily() {
    let buckets = TokenBuckets(perSecond: 2, burst: 3)
    let (own, other) = (address(1), address(2))
    #expect((0..<4).map { _ in buckets.take(own, at: 0) } == [nil, nil, nil, 1])
    #expect(buckets.take(other, at: 0) == nil)
    #expect(buckets.take(own, at: TokenBucketTests.second / 2 - 1000) == 1)
    #expect(buckets.take(own, at: TokenBucketTests.second / 2 + 1000) == nil)
    #expect(buckets.take(own, at: TokenBucketTests.second / 2 + 1000) == 1)
    // It gets no fuller than full, and a clock that stands or goes back fills nothing.
    #expect((0..<4).map { _ in buckets.take(own, at: 100 * TokenBucketTests.second) } == [nil, nil, nil, 1])
    #expect(buckets.take(own, at: 0) == 1)
  }

  /// However many addresses come, so many are remembered; and whoever asks most is not forgotten for it.
  @Test func manyAddressesCostNoMoreMemoryAndFreeNobody() {
    let buckets = TokenBuckets(perSecond: 1, burst: 10, capacity: 100)
    let greedy = address(0)
    for _ in 0..<10 { _ = buckets.take(greedy, at: 0) }
    for number in 1...5000 {
      #expect(buckets.take(address(number), at: 0) == nil)
      #expect(buckets.count <= 100)
    }
    #expect(buckets.take(greedy, at: 0) == 1)
  }

  /// Making room looks at everybody, and so is not done for each request: not even where one bucket is full again each time.
  @Test func roomIsMadeForManyAtOnce() {
    let buckets = TokenBuckets(perSecond: 1, burst: 2, capacity: 100)
    var full = 0
    for number in 0..<5000 {
      _ = buckets.take(address(number), at: UInt64(number) * TokenBucketTests.second / 100)
      if buckets.count == 100 { full += 1 }
    }
    #expect(full > 0 && full <= 500)
  }
}
