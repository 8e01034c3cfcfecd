import Foundation

/// Chance for the fuzzing of commands: SplitMix64 from a seed that is printed, so that a run can be had again.
struct CommandSeed: RandomNumberGenerator {
  private var state: UInt64

  /// Whether this is a soak run: every test at its full count.
  static let isSoaking = ProcessInfo.processInfo.environment["WARIFU_SOAK"] == "1"

  /// A fixed seed in a quick run; `WARIFU_SEED` or a new one in a soak run.
  init(_ purpose: String) {
    let wanted = ProcessInfo.processInfo.environment["WARIFU_SEED"].flatMap { UInt64($0) }
    state = wanted ?? (CommandSeed.isSoaking ? UInt64.random(in: 0...UInt64.max) : 5)
    print("seed of \(purpose): \(state)")
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }

  mutating func octets(_ count: Int) -> [UInt8] {
    var octets: [UInt8] = []
    octets.reserveCapacity(count)
    while octets.count < count {
      let word = next()
      for shift in stride(from: 0, to: 64, by: 8) where octets.count < count {
        octets.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
      }
    }
    return octets
  }
}
