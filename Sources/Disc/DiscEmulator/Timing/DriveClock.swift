import CLinux
import Glibc
import Synchronization

/// The time that a drive's mechanism lives in.
public protocol DriveClock: AnyObject, Sendable {
  /// Time since some moment before anything happened.
  var now: Duration { get }

  /// Lets time pass until then; nothing if that is over.
  func wait(until moment: Duration)
}

/// A clock that stands still but for the mechanism: hours of turning and seeking pass in no time.
public final class VirtualDriveClock: DriveClock {
  private let moment = Mutex(Duration.zero)

  /// A clock at zero.
  public init() {}

  /// Time that the mechanism took so far, and what ``advance(by:)`` added.
  public var now: Duration { moment.withLock { $0 } }

  /// Goes on to that moment.
  public func wait(until moment: Duration) { self.moment.withLock { $0 = max($0, moment) } }

  /// Lets the host take some time.
  public func advance(by duration: Duration) { moment.withLock { $0 += max(duration, .zero) } }
}

/// The computer's clock: an operation takes as long as on a real drive.
public final class RealDriveClock: DriveClock {
  /// The computer's clock.
  public init() {}

  /// Time since the computer was started.
  public var now: Duration {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }

  /// Sleeps.
  public func wait(until moment: Duration) {
    let (seconds, attoseconds) = moment.components
    var time = timespec(tv_sec: Int(clamping: seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
    while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
  }
}
