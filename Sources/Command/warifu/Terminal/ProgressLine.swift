import CopyLicensing
import Glibc
import Synchronization

/// A line on the terminal that tells how far something long has come, and hears Ctrl-C meanwhile.
final class ProgressLine {
  private static let isStopped = Atomic<Bool>(false)

  private let what: String
  private var shown = -1
  /// What SIGINT did before.
  private var before = sigaction()

  /// Watches one operation; its line is taken away when this value goes, and Ctrl-C does again what it did before.
  init(_ what: String) {
    self.what = what
    sigaction(SIGINT, nil, &before)
    // Whoever started this without Ctrl-C (`trap '' INT`, or in the background) wants none to be heard.
    guard !ProgressLine.isIgnored(before) else { return }
    signal(SIGINT) { _ in
      ProgressLine.isStopped.store(true, ordering: .relaxed)
      // A second one ends the process at once.
      signal(SIGINT, SIG_DFL)
    }
  }

  deinit {
    sigaction(SIGINT, &before, nil)
    if shown >= 0 { Terminal.tell("\r\u{1B}[K") }
  }

  /// Shows the new state; answers whether to go on.
  func advance(_ progress: TransferProgress) -> Bool {
    let percent = progress.total == 0 ? 100 : Int(Double(progress.done) / Double(progress.total) * 100)
    if Terminal.showsProgress, percent != shown {
      shown = percent
      Terminal.tell("\r\(what)  \(percent) % of \((progress.total + (1 << 20) - 1) >> 20) MiB\u{1B}[K")
    }
    return !ProgressLine.isStopped.load(ordering: .relaxed)
  }

  private static func isIgnored(_ action: sigaction) -> Bool {
    // Pointers to functions cannot be compared as they are.
    unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }
}
