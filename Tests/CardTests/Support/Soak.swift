import Foundation

/// How much a test does: a seeded sample, or everything with `WARIFU_SOAK=1`.
enum Soak {
  static let isSoaking = ProcessInfo.processInfo.environment["WARIFU_SOAK"] == "1"

  /// `quick`, or `full` in a soak run.
  static func count(_ quick: Int, full: Int) -> Int { isSoaking ? full : quick }

  /// A fixed seed in a quick run; `WARIFU_SEED` or a new one in a soak run. Printed, so that a run can be had again.
  static func seed(_ purpose: String) -> UInt64 {
    let wanted = ProcessInfo.processInfo.environment["WARIFU_SEED"].flatMap { UInt64($0) }
    let seed = wanted ?? (isSoaking ? UInt64.random(in: 0...UInt64.max) : 9)
    print("seed of \(purpose): \(seed)")
    return seed
  }
}
