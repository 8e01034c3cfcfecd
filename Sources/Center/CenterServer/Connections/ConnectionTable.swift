import Synchronization

/// Counts the connections that are open, all of them and by address.
final class ConnectionTable: Sendable {
  private struct State {
    var total = 0
    var byAddress: [ClientAddress: Int] = [:]
  }

  private let state = Mutex(State())
  private let limits: ServerLimits

  init(_ limits: ServerLimits) { self.limits = limits }

  /// How many are open now.
  var count: Int { state.withLock { $0.total } }

  /// Counts a connection that was opened; ``close(_:)`` must follow whatever is answered.
  ///
  /// - Parameter isProxy: whether it may have as many as there are.
  /// - Returns: why it gets nothing but a refusal, if it does.
  func open(_ address: ClientAddress, isProxy: Bool = false) -> Problem? {
    state.withLock { state in
      state.total += 1
      state.byAddress[address, default: 0] += 1
      if !isProxy, state.byAddress[address, default: 0] > limits.connectionsPerAddress {
        return Problem(.tooMany, "Close some of your connections first.", retryAfter: 1)
      }
      guard state.total <= limits.connections else {
        return Problem(.unavailable, "There are too many connections just now; try again.", retryAfter: 1)
      }
      return nil
    }
  }

  /// Counts a connection that was closed.
  func close(_ address: ClientAddress) {
    state.withLock { state in
      state.total -= 1
      let left = (state.byAddress[address] ?? 1) - 1
      state.byAddress[address] = left > 0 ? left : nil
    }
  }
}
