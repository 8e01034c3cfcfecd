import SecureChannel

/// What a guess at a passphrase costs (RFC 7914, 2), within bounds that no file from outside can push up.
public struct ScryptCost: Hashable, Sendable {
  /// The most memory that a derivation may take: 1 GiB.
  public static let largestMemory = 1 << 30

  /// About 128 MiB and half a second: for key stores, opened once per start.
  public static let keyStore = ScryptCost(checkedN: 1 << 17, r: 8, p: 1)

  /// About 16 KiB and no time: for tests.
  public static let test = ScryptCost(checkedN: 1 << 4, r: 8, p: 1)

  /// CPU and memory cost: a power of two.
  public let n: Int
  /// Block size.
  public let r: Int
  /// Parallelisation.
  public let p: Int

  /// A cost.
  ///
  /// - Throws: ``CryptoError/badLength`` unless `n` is a power of two in 2...2²⁰, `r` in 1...32, `p` in 1...16, the
  ///   table 128·n·r at most 1 GiB and the work n·r·p at most 2²⁴.
  public init(n: Int, r: Int, p: Int) throws(CryptoError) {
    guard (2...1 << 20).contains(n), n & (n - 1) == 0, (1...32).contains(r), (1...16).contains(p) else {
      throw .badLength
    }
    guard 128 * n * r <= ScryptCost.largestMemory, n * r * p <= 1 << 24 else { throw .badLength }
    self.init(checkedN: n, r: r, p: p)
  }

  private init(checkedN n: Int, r: Int, p: Int) {
    self.n = n
    self.r = r
    self.p = p
  }

  /// What OpenSSL is to allow itself: the table, the parallel blocks and some working space.
  var memoryOctets: Int { 128 * r * (n + p + 2) + 4096 }
}
