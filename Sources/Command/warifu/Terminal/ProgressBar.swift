/// A bar on the terminal for a known number of things: how many are done, how fast, and how long the rest will take.
///
/// Where standard error is no terminal it shows nothing.
final class ProgressBar {
  private static let width = 30

  private let total: Int
  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant
  private let isShown = Terminal.showsProgress
  private var shown = ""

  /// A bar for `total` things; taken away when this value goes.
  init(total: Int) {
    self.total = max(total, 0)
    start = clock.now
    show(done: 0, failed: 0)
  }

  deinit {
    if isShown { Terminal.clearLine() }
  }

  /// Shows how far things have come; failed ones count among the done.
  func show(done: Int, failed: Int) {
    guard isShown else { return }
    shown = line(done: done, failed: failed, after: clock.now - start)
    Terminal.show(shown)
  }

  /// Tells somebody something, above the bar.
  func say(_ line: String) {
    if isShown { Terminal.clearLine() }
    Terminal.complain(line)
    if isShown { Terminal.show(shown) }
  }

  /// The line for a state of things.
  func line(done: Int, failed: Int, after elapsed: Duration) -> String {
    let filled = total == 0 ? ProgressBar.width : ProgressBar.width * min(done, total) / total
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: ProgressBar.width - filled)
    let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
    var text = "[\(bar)] \(done)/\(total)"
    if failed > 0 { text += ", \(failed) failed" }
    guard done > 0, seconds > 0 else { return text }
    let rate = Double(done) / seconds
    let tenths = Int((rate * 10).rounded())
    return text + "  \(tenths / 10).\(tenths % 10)/s  \(Words.duration(Double(max(0, total - done)) / rate)) left"
  }
}
