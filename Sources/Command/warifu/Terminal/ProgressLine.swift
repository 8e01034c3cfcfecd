import CopyLicensing
import Glibc
import Synchronization

/// A line on the terminal that tells how far something long has come, and hears Ctrl-C meanwhile.
final class ProgressLine {
  private static let isStopped = Atomic<Bool>(false)

  private let what: String
  private var shown = -1

  /// Watches one operation; its line is taken away when this value goes.
  init(_ what: String) {
    self.what = what
    signal(SIGINT) { _ in
      ProgressLine.isStopped.store(true, ordering: .relaxed)
      // A second one ends the process at once.
      signal(SIGINT, SIG_DFL)
    }
  }

  deinit {
    signal(SIGINT, SIG_DFL)
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
}
