import LicenseCenter
import Synchronization

/// A clock that stands until it is told to go on.
public final class VirtualClock: CenterClock {
  private let seconds: Mutex<UInt64>

  /// A clock at `start`, seconds since 1970 UTC; by default 2026-01-01.
  public init(_ start: UInt64 = 1_767_225_600) { seconds = Mutex(start) }

  /// Seconds since 1970 UTC.
  public func now() -> UInt64 { seconds.withLock { $0 } }

  /// Goes on by so many seconds.
  public func advance(by interval: UInt64) { seconds.withLock { $0 += interval } }
}
