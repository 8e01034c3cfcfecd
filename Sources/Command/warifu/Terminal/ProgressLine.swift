import CopyLicensing

/// A line on the terminal that tells how far something long has come, and hears Ctrl-C meanwhile.
final class ProgressLine {
  private let what: String
  private let watch = InterruptWatch()
  private var shown = -1

  /// Watches one operation; its line is taken away when this value goes, and Ctrl-C does again what it did before.
  init(_ what: String) { self.what = what }

  deinit {
    if shown >= 0 { Terminal.clearLine() }
  }

  /// Shows the new state; answers whether to go on.
  func advance(_ progress: TransferProgress) -> Bool {
    let percent = progress.total == 0 ? 100 : Int(Double(progress.done) / Double(progress.total) * 100)
    if Terminal.showsProgress, percent != shown {
      shown = percent
      Terminal.show("\(what)  \(percent) % of \((progress.total + (1 << 20) - 1) >> 20) MiB")
    }
    return !watch.isInterrupted
  }
}
