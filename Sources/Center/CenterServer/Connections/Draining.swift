import ServiceLifecycle
import Synchronization

/// Knows whether the server is stopping.
///
/// Connections hear of it one after another, each when its turn comes; an answer that is begun in between must say already
/// that it is the connection's last. So this is told before any of them: a group stops its services from the last to the
/// first, and this one stands behind the application.
final class Draining: Service {
  private let state = Mutex(false)

  /// Whether the server takes no more requests.
  var hasBegun: Bool { state.withLock { $0 } }

  func run() async throws {
    try await gracefulShutdown()
    state.withLock { $0 = true }
  }
}
