import CLinux
import Glibc
import Synchronization

/// Signals as input, instead of interruptions anywhere.
///
/// They are caught, not blocked: the thread that waits for the others in the end (libdispatch's) unblocks all of them.
enum SignalQueue {
  /// The signals that came and nobody took yet; bit 0 is signal 1.
  private static let pending = Atomic<UInt64>(0)
  private static let bell = Atomic<Int32>(-1)

  /// Catches signals. One that is ignored stays so; whoever started this without Ctrl-C (`trap '' INT`, or in the
  /// background) wants none to be heard.
  ///
  /// - Returns: a descriptor that can be read when one has come.
  static func open(_ signals: [Int32]) throws -> Int32 {
    let descriptor = warifu_eventfd()
    guard descriptor >= 0 else {
      throw Failure(
        .failed, "cannot wait for signals: \(String(cString: strerror(errno)))",
        remedy: "close some files and try again")
    }
    bell.store(descriptor, ordering: .sequentiallyConsistent)
    for number in signals where !isIgnored(number) { signal(number) { SignalQueue.add($0) } }
    return descriptor
  }

  /// The signals that came since the last time, each once, in ascending order.
  static func takeAll() -> [Int32] {
    var count: UInt64 = 0
    _ = read(bell.load(ordering: .sequentiallyConsistent), &count, 8)
    let bits = pending.exchange(0, ordering: .sequentiallyConsistent)
    return (1...64).filter { bits & 1 << UInt64($0 - 1) != 0 }
  }

  /// Runs within a signal: nothing but what is safe there.
  private static func add(_ number: Int32) {
    let before = errno
    pending.bitwiseOr(1 << UInt64(number - 1), ordering: .sequentiallyConsistent)
    var one: UInt64 = 1
    _ = write(bell.load(ordering: .sequentiallyConsistent), &one, 8)
    errno = before
  }

  private static func isIgnored(_ signal: Int32) -> Bool {
    var action = sigaction()
    sigaction(signal, nil, &action)
    // Pointers to functions cannot be compared as they are.
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
