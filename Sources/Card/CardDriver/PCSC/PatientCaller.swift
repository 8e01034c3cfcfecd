import Dispatch
import Synchronization

/// Makes calls that last as long as a card likes, and may leave them behind.
///
/// `SCardTransmit` cannot be interrupted. A call with a limit runs on a thread of its own; when the limit passes, the
/// caller goes on, and the thread tidies up whenever the call comes back after all.
final class PatientCaller: Sendable {
  private let queue: DispatchQueue

  init(label: String) { queue = DispatchQueue(label: label) }

  /// The outcome of `body`, or `nil` once `limit` has passed; then `late` gets the outcome, perhaps never.
  ///
  /// Without a limit the call is made on the caller's own thread.
  func call<Outcome: Sendable>(
    within limit: Duration?, _ body: @escaping @Sendable () -> Outcome, late: @escaping @Sendable (Outcome) -> Void
  ) -> Outcome? {
    guard let limit else { return body() }
    let exchange = Exchange<Outcome>()
    queue.async {
      let outcome = body()
      if exchange.finish(outcome) { late(outcome) }
    }
    return exchange.wait(limit)
  }
}

/// Where the thread that calls and the thread that waits meet.
private final class Exchange<Outcome: Sendable>: Sendable {
  private enum State {
    case running
    case finished(Outcome)
    case abandoned
  }

  private let state = Mutex(State.running)
  private let done = DispatchSemaphore(value: 0)

  /// Leaves the outcome; answers whether nobody waits for it any more.
  func finish(_ outcome: Outcome) -> Bool {
    let isLate = state.withLock { state in
      if case .abandoned = state { return true }
      state = .finished(outcome)
      return false
    }
    done.signal()
    return isLate
  }

  func wait(_ limit: Duration) -> Outcome? {
    _ = done.wait(timeout: .now() + .nanoseconds(limit.clampedNanoseconds))
    return state.withLock { state in
      if case .finished(let outcome) = state { return outcome }
      state = .abandoned
      return nil
    }
  }
}

extension Duration {
  /// In nanoseconds, brought into what an `Int` holds: some 292 years.
  var clampedNanoseconds: Int {
    let (seconds, attoseconds) = components
    guard seconds < Int64(Int.max) / 1_000_000_000 else { return .max }
    return Int(max(0, seconds)) * 1_000_000_000 + Int(max(0, attoseconds) / 1_000_000_000)
  }
}
