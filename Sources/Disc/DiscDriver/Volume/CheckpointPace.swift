/// When a copy that can be interrupted makes lasting what it wrote.
///
/// A checkpoint waits for the medium, so a copy that takes a second or two altogether makes none; a drive that writes 3 MB
/// a second makes one every few seconds, and that is all that a kill or a power cut costs.
public struct CheckpointPace {
  /// Mebibytes between two places where there may be a checkpoint, each of which is compared as a whole when a copy goes
  /// on; more if the title would have over 512 of them.
  public let interval: Int
  /// Time that passes at least between two checkpoints, and before the first one.
  public let period: Duration

  private let now: () -> Duration
  private var last: Duration

  /// A checkpoint at the first place that comes a while after the last one.
  ///
  /// - Parameter now: the time since any fixed moment; the machine's clock by default.
  public init(interval: Int = 8, period: Duration = .seconds(1), now: (() -> Duration)? = nil) {
    self.interval = max(interval, 1)
    self.period = period
    if let now {
      self.now = now
    } else {
      let clock = ContinuousClock()
      let start = clock.now
      self.now = { clock.now - start }
    }
    last = self.now()
  }

  /// A checkpoint every so many mebibytes, however fast they come.
  public static func every(mebibytes interval: Int) -> CheckpointPace {
    CheckpointPace(interval: interval, period: .zero, now: { .zero })
  }

  /// Whether it is time for the next one.
  var isDue: Bool { now() - last >= period }

  /// Counts from now on.
  mutating func restart() { last = now() }
}
