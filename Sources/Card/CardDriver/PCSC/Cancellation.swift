import Synchronization

/// Stops work with a card from another thread: between two commands, never within one.
public final class Cancellation: Sendable {
  private let flag = Atomic(false)

  /// Nothing is stopped yet.
  public init() {}

  /// From now on, whatever would be sent next throws ``CardTransportError/Code/cancelled`` instead.
  public func cancel() { flag.store(true, ordering: .releasing) }

  /// Whether somebody stopped the work.
  public var isCancelled: Bool { flag.load(ordering: .acquiring) }
}
