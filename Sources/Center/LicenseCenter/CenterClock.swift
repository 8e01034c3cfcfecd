import Foundation

/// Where the centre's time comes from.
public protocol CenterClock: Sendable {
  /// Seconds since 1970 UTC.
  func now() -> UInt64
}

/// The machine's clock.
public struct SystemClock: CenterClock {
  /// The clock; all of them are alike.
  public init() {}

  /// Seconds since 1970 UTC; 0 for a clock set before that.
  public func now() -> UInt64 { UInt64(max(0, Date().timeIntervalSince1970)) }
}
