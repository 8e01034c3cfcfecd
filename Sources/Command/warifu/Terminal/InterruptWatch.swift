import Glibc
import Synchronization

/// Hears Ctrl-C for as long as it lives, so that something long can stop where it does no harm.
///
/// A second Ctrl-C ends the process at once. One at a time.
final class InterruptWatch {
  private static let wasHeard = Atomic<Bool>(false)

  /// What SIGINT did before.
  private var before = sigaction()

  /// Begins to listen, unless whoever started this wants none to be heard (`trap '' INT`, or in the background).
  init() {
    sigaction(SIGINT, nil, &before)
    guard !InterruptWatch.isIgnored(before) else { return }
    signal(SIGINT) { _ in
      InterruptWatch.wasHeard.store(true, ordering: .relaxed)
      signal(SIGINT, SIG_DFL)
    }
  }

  deinit { sigaction(SIGINT, &before, nil) }

  /// Whether somebody wants to stop.
  var isInterrupted: Bool { InterruptWatch.wasHeard.load(ordering: .relaxed) }

  private static func isIgnored(_ action: sigaction) -> Bool {
    // Pointers to functions cannot be compared as they are.
    unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
