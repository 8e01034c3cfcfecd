import CLinux
import Glibc

/// Signals as input, one after the other, instead of interruptions anywhere.
struct SignalQueue {
  /// Readable when a signal has come.
  let descriptor: Int32

  /// Holds signals back, in this thread and those that it starts: to be called before there are any others. A signal that
  /// is ignored stays so; whoever started this without Ctrl-C (`trap '' INT`, or in the background) wants none to be heard.
  static func holdBack(_ signals: [Int32]) {
    var set = mask(signals)
    pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  /// The queue of signals that were held back.
  init(_ signals: [Int32]) throws {
    descriptor = warifu_signal_descriptor(SignalQueue.bits(signals))
    guard descriptor >= 0 else {
      throw Failure(
        .failed, "cannot wait for signals: \(String(cString: strerror(errno)))",
        remedy: "close some files and try again")
    }
  }

  /// The next signal, if one is there.
  func next() -> Int32? {
    let number = warifu_next_signal(descriptor)
    return number > 0 ? number : nil
  }

  private static func heard(_ signals: [Int32]) -> [Int32] { signals.filter { !isIgnored($0) } }

  private static func mask(_ signals: [Int32]) -> sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in heard(signals) { sigaddset(&set, signal) }
    return set
  }

  /// The kernel's own form of a set: bit 0 is signal 1.
  private static func bits(_ signals: [Int32]) -> UInt64 {
    heard(signals).reduce(0) { $0 | 1 << UInt64($1 - 1) }
  }

  private static func isIgnored(_ signal: Int32) -> Bool {
    var action = sigaction()
    sigaction(signal, nil, &action)
    // Pointers to functions cannot be compared as they are.
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
