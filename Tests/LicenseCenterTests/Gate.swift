import Foundation
import Synchronization

@testable import LicenseCenter

/// Where one side waits for the other.
final class Gate: Sendable {
  private struct State {
    var isHeld = false
    var isOpen = false
  }

  private let state = Mutex(State())

  /// Blocks this thread until the gate is open.
  func hold() {
    state.withLock { $0.isHeld = true }
    while !isOpen { Thread.sleep(forTimeInterval: 0.001) }
  }

  /// The same in a transaction, in which something happens now and then, so that the server does not take it for dead.
  func hold(_ transaction: any Transaction) throws {
    state.withLock { $0.isHeld = true }
    while !isOpen {
      _ = try transaction.run("SELECT 1")
      Thread.sleep(forTimeInterval: 0.001)
    }
  }

  /// Whether it is open.
  var isOpen: Bool { state.withLock { $0.isOpen } }

  func open() { state.withLock { $0.isOpen = true } }

  /// Returns when somebody is held.
  func isHeld() async { while !state.withLock({ $0.isHeld }) { try? await Task.sleep(for: .milliseconds(1)) } }
}
