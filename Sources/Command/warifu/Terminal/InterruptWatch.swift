import Foundation
import Glibc
import Synchronization

/// Hears Ctrl-C for as long as it lives, so that something long can stop where it does no harm.
///
/// A second Ctrl-C ends the process at once. One at a time.
final class InterruptWatch {
  private static let wasHeard = Atomic<Bool>(false)
  /// The end of a pipe into which the handler writes, or -1: writing is one of the few things it may do.
  private static let bell = Atomic<Int32>(-1)

  private let listeners = Listeners()
  private var isHearing = false

  /// What SIGINT did before.
  private var before = sigaction()

  /// Begins to listen, unless whoever started this wants none to be heard (`trap '' INT`, or in the background).
  init() {
    sigaction(SIGINT, nil, &before)
    guard !InterruptWatch.isIgnored(before) else { return }
    signal(SIGINT) { _ in
      let error = errno
      defer { errno = error }
      InterruptWatch.wasHeard.store(true, ordering: .relaxed)
      let bell = InterruptWatch.bell.load(ordering: .relaxed)
      if bell >= 0 { _ = Glibc.write(bell, "!", 1) }
      signal(SIGINT, SIG_DFL)
    }
  }

  deinit {
    sigaction(SIGINT, &before, nil)
    let bell = InterruptWatch.bell.exchange(-1, ordering: .relaxed)
    if bell >= 0 { close(bell) }
  }

  /// Whether somebody wants to stop.
  var isInterrupted: Bool { InterruptWatch.wasHeard.load(ordering: .relaxed) }

  /// Has `body` run, on a thread of its own, when Ctrl-C is heard while this value lives, or was heard already.
  func whenInterrupted(_ body: @escaping @Sendable () -> Void) {
    listeners.add(body)
    hear()
    let bell = InterruptWatch.bell.load(ordering: .relaxed)
    if isInterrupted, bell >= 0 { _ = Glibc.write(bell, "!", 1) }
  }

  /// Begins to wait for the bell, once.
  private func hear() {
    guard !isHearing else { return }
    isHearing = true
    var ends: [Int32] = [-1, -1]
    guard InterruptWatch.bell.load(ordering: .relaxed) < 0, pipe(&ends) == 0 else { return }
    let (hearing, ringing) = (ends[0], ends[1])
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    InterruptWatch.bell.store(ringing, ordering: .relaxed)
    Thread.detachNewThread { [listeners] in
      var octet: UInt8 = 0
      // 0 at the end of the pipe: the watch is over.
      while read(hearing, &octet, 1) == 1 { listeners.tell() }
      close(hearing)
    }
  }

  /// Who wants to hear of it. Each is told once.
  private final class Listeners: Sendable {
    private let bodies = Mutex<[@Sendable () -> Void]>([])

    func add(_ body: @escaping @Sendable () -> Void) { bodies.withLock { $0.append(body) } }

    func tell() {
      let waiting = bodies.withLock { bodies in
        defer { bodies = [] }
        return bodies
      }
      for body in waiting { body() }
    }
  }

  private static func isIgnored(_ action: sigaction) -> Bool {
    // Pointers to functions cannot be compared as they are.
    unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
