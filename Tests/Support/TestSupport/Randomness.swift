import Foundation

/// Chance that can be had again: SplitMix64 from a seed that is printed.
public struct Randomness {
  /// The generator itself.
  public struct Generator: RandomNumberGenerator {
    var state: UInt64

    /// The next 64 bits.
    public mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
  }

  /// For whatever takes a generator.
  public var generator: Generator
  /// Where it started, for whatever takes a seed.
  public let seed: UInt64
  private let isSoak = ProcessInfo.processInfo.environment["WARIFU_SOAK"] == "1"

  /// The seed of `WARIFU_SEED`; without it the usual one in a quick run, a new one in a soak run. Printed either way.
  public init(_ purpose: String) {
    let named = ProcessInfo.processInfo.environment["WARIFU_SEED"].flatMap { UInt64($0) }
    seed = named ?? (isSoak ? UInt64.random(in: 0...UInt64.max) : 3)
    generator = Generator(state: seed)
    print("seed of \(purpose): \(seed)")
  }

  /// Always the same.
  public init(seed: UInt64) {
    self.seed = seed
    generator = Generator(state: seed)
  }

  /// How often to try: `quick`, or `full` in a soak run.
  public func soak(_ quick: Int, full: Int) -> Int { isSoak ? full : quick }

  /// So many octets.
  public mutating func octets(count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
  }

  /// Any number of octets up to `limit`.
  public mutating func octets(upTo limit: Int) -> [UInt8] {
    octets(count: Int.random(in: 0...limit, using: &generator))
  }
}
