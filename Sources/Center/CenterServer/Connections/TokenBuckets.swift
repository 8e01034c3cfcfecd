import Synchronization

/// How many requests each address may make: a bucket that fills steadily, and from which each request takes one token.
final class TokenBuckets: Sendable {
  private struct Bucket {
    var tokens: Double
    var filledAt: UInt64
  }

  /// The most addresses that are remembered.
  private let capacity: Int
  private let perNanosecond: Double
  private let burst: Double
  private let buckets = Mutex<[ClientAddress: Bucket]>([:])

  init(perSecond: Double, burst: Double, capacity: Int = 65_536) {
    perNanosecond = max(perSecond, 0.001) / 1e9
    self.burst = max(burst, 1)
    self.capacity = max(capacity, 1)
  }

  /// How many addresses are remembered.
  var count: Int { buckets.withLock { $0.count } }

  /// Takes a token from the bucket of `address`.
  ///
  /// - Parameter now: nanoseconds of a clock that never goes back.
  /// - Returns: `nil` when there was one; else after how many seconds there is.
  func take(_ address: ClientAddress, at now: UInt64) -> Int? {
    buckets.withLock { buckets in
      var bucket = filled(buckets[address] ?? Bucket(tokens: burst, filledAt: now), at: now)
      defer {
        if buckets[address] == nil, buckets.count >= capacity { makeRoom(in: &buckets, at: now) }
        buckets[address] = bucket
      }
      guard bucket.tokens >= 1 else { return Int(((1 - bucket.tokens) / perNanosecond / 1e9).rounded(.up)) }
      bucket.tokens -= 1
      return nil
    }
  }

  private func filled(_ bucket: Bucket, at now: UInt64) -> Bucket {
    guard now > bucket.filledAt else { return bucket }
    let tokens = bucket.tokens + Double(now - bucket.filledAt) * perNanosecond
    return Bucket(tokens: min(burst, tokens), filledAt: now)
  }

  /// Forgets addresses whose bucket is full again, which changes nothing for them. Where that makes room for less than a
  /// tenth, the fullest ones are forgotten too, which serves whoever asks least: everybody is looked at here, and not for
  /// each request.
  private func makeRoom(in buckets: inout [ClientAddress: Bucket], at now: UInt64) {
    buckets = buckets.filter { filled($0.value, at: now).tokens < burst }
    let excess = buckets.count - (capacity - max(1, capacity / 10))
    guard excess > 0 else { return }
    let fullest = buckets.sorted { filled($0.value, at: now).tokens > filled($1.value, at: now).tokens }
    for (address, _) in fullest.prefix(excess) { buckets[address] = nil }
  }
}
