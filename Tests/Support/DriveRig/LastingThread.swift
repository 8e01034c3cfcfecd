import Foundation
import Synchronization

/// A thread that lasts as long as the process: programs are started by it.
///
/// A program that asks to end with its parent (PR_SET_PDEATHSIG, as nbdkit's `--exit-with-parent` does) ends with the
/// *thread* that started it, and those on which tests run come and go.
final class LastingThread: Sendable {
  static let shared = LastingThread()

  private let jobs = Mutex<[@Sendable () -> Void]>([])
  private let waiting = DispatchSemaphore(value: 0)

  private init() {
    Thread { self.serve() }.start()
  }

  private func serve() {
    while true {
      waiting.wait()
      let next = jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }
      next?()
    }
  }

  /// Runs `body` there, and waits for its end.
  func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
    let outcome = Box<Value>()
    let ended = DispatchSemaphore(value: 0)
    jobs.withLock {
      $0.append {
        outcome.value.withLock { $0 = Result { try body() } }
        ended.signal()
      }
    }
    waiting.signal()
    ended.wait()
    guard let result = outcome.value.withLock({ $0 }) else { throw RigError("A thread lost its work.") }
    return try result.get()
  }

  private final class Box<Value: Sendable>: Sendable {
    let value = Mutex<Result<Value, any Error>?>(nil)
  }
}
