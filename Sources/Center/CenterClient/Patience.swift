/// How long a client waits and how often it tries again.
///
/// Every request that it repeats is one that the centre answers alike however often it comes: one that changes nothing, or
/// one with a key.
public struct Patience: Hashable, Sendable {
  /// How long one request may take, answer and all.
  public var requestTime: Duration = .seconds(90)
  /// How long a connection may take to be made.
  public var connectTime: Duration = .seconds(10)
  /// For how long a request that found no centre, or one that was busy, is sent again.
  public var retryTime: Duration = .seconds(60)
  /// The pause before the second try; each later one is twice as long.
  public var firstPause: Duration = .milliseconds(100)
  /// The longest pause.
  public var longestPause: Duration = .seconds(5)

  /// The usual one.
  public init() {}

  /// The pause after so many tries, 1 for the first: somewhere in the upper half of what doubles each time, so that
  /// clients that were cut off together do not come back together.
  func pause(after tries: Int, chance: UInt16) -> Duration {
    let doubled = firstPause * (1 << min(max(tries, 1) - 1, 20))
    let whole = min(doubled, longestPause)
    return whole / 2 + whole / 2 * Double(chance) / Double(UInt16.max)
  }
}
