import Synchronization

/// A change that somebody asked for, whatever it answers.
protocol PendingWrite: AnyObject, Sendable {
  /// Whether it is to be made: its turn has come, and nobody gave it up. From then on it can no longer be given up.
  func claim() -> Bool

  /// Makes the change and keeps what it answers; once more where the transaction of the run before was lost.
  ///
  /// - Throws: what the change throws.
  func run(in transaction: any Transaction) throws

  /// Keeps the reason why the change is not made.
  func refuse(_ error: CenterError)

  /// Tells the caller what was kept. Nothing that it rests on may change any more.
  func answer()
}

/// A change that answers an `R`.
final class Write<R: Sendable>: PendingWrite {
  typealias Answer = Result<R, CenterError>

  private enum State {
    case new
    case waiting(CheckedContinuation<Answer, Never>)
    case claimed(CheckedContinuation<Answer, Never>, Answer?)
    case ended
  }

  private let body: @Sendable (any Transaction) throws -> R
  private let state = Mutex<State>(.new)

  init(_ body: @escaping @Sendable (any Transaction) throws -> R) { self.body = body }

  /// Notes who waits for the answer.
  ///
  /// - Returns: Whether the change is to be made; else whoever waits has been told.
  func wait(_ continuation: CheckedContinuation<Answer, Never>) -> Bool {
    let isNew = state.withLock { state in
      guard case .new = state else { return false }
      state = .waiting(continuation)
      return true
    }
    if !isNew { continuation.resume(returning: .failure(Self.cancellation)) }
    return isNew
  }

  /// Gives the change up, unless its turn has come.
  func cancel() {
    let waiting = state.withLock { state -> CheckedContinuation<Answer, Never>? in
      switch state {
      case .new:
        state = .ended
        return nil
      case .waiting(let continuation):
        state = .ended
        return continuation
      case .claimed, .ended:
        return nil
      }
    }
    waiting?.resume(returning: .failure(Self.cancellation))
  }

  func claim() -> Bool {
    state.withLock { state in
      guard case .waiting(let continuation) = state else { return false }
      state = .claimed(continuation, nil)
      return true
    }
  }

  func run(in transaction: any Transaction) throws { keep(.success(try body(transaction))) }

  func refuse(_ error: CenterError) { keep(.failure(error)) }

  func answer() {
    let kept = state.withLock { state -> (CheckedContinuation<Answer, Never>, Answer)? in
      guard case .claimed(let continuation, let answer?) = state else { return nil }
      state = .ended
      return (continuation, answer)
    }
    kept?.0.resume(returning: kept?.1 ?? .failure(Self.cancellation))
  }

  private func keep(_ answer: Answer) {
    state.withLock { state in
      guard case .claimed(let continuation, _) = state else { return }
      state = .claimed(continuation, answer)
    }
  }

  private static var cancellation: CenterError {
    CenterError(
      .cancelled, "Changing the centre's database", remedy: "It was given up before it was begun; nothing was changed.")
  }
}
