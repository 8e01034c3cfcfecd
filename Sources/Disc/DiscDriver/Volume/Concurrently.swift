import Dispatch

/// Does two things at the same time, one of them perhaps on another thread, and returns when both are done. They must
/// not touch the same state: nothing here checks that.
func concurrently<A, B>(_ first: @escaping () -> A, _ second: @escaping () -> B) -> (A, B) {
  let a = Outcome(first)
  let b = Outcome(second)
  DispatchQueue.concurrentPerform(iterations: 2) { index in
    if index == 0 { a.make() } else { b.make() }
  }
  return (a.take(), b.take())
}

/// One of the two things. Only one thread makes it, and the other takes it after that one is done.
private final class Outcome<Value>: @unchecked Sendable {
  private let work: () -> Value
  private var value: Value?

  init(_ work: @escaping () -> Value) { self.work = work }

  func make() { value = work() }

  func take() -> Value { value ?? work() }
}
