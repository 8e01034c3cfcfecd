import Synchronization

/// A value that one task puts down and another picks up.
final class Mutexed<Value: Sendable>: Sendable {
  private let storage = Mutex<Value?>(nil)
  var value: Value? { storage.withLock { $0 } }

  func set(_ value: Value) { storage.withLock { $0 = value } }
}
