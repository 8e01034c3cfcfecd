import CopyLicensing

/// A line on the terminal that tells how far something long has come, how fast it is and how long the rest will take; and
/// hears Ctrl-C meanwhile.
///
/// Where standard error is no terminal it shows nothing.
final class ProgressLine {
  /// Between two states that are shown.
  private static let pause = Duration.milliseconds(100)

  private let what: String?
  private let watch: InterruptWatch
  private let clock = ContinuousClock()
  private let isShown = Terminal.showsProgress
  private var shown: ContinuousClock.Instant?
  /// The activity that is going on: when it began, and how much was done by then.
  private var began: (activity: TransferProgress.Activity, at: ContinuousClock.Instant, done: UInt64)?

  /// Watches one operation; its line is taken away when this value goes, and Ctrl-C does again what it did before.
  ///
  /// - Parameters:
  ///   - what: what is going on, if it is more than its kind.
  ///   - watch: hears Ctrl-C.
  init(_ what: String? = nil, watch: InterruptWatch = InterruptWatch()) {
    self.what = what
    self.watch = watch
  }

  deinit {
    if shown != nil { Terminal.clearLine() }
  }

  /// Shows the new state; answers whether to go on.
  func advance(_ progress: TransferProgress) -> Bool {
    if isShown { show(progress, at: clock.now) }
    return !watch.isInterrupted
  }

  private func show(_ progress: TransferProgress, at now: ContinuousClock.Instant) {
    if began?.activity != progress.activity { began = (progress.activity, now, progress.done) }
    guard let began, shown.map({ now - $0 >= ProgressLine.pause }) ?? true || progress.done == progress.total else {
      return
    }
    shown = now
    let line = TransferLine(
      what: what ?? ProgressLine.word(progress.activity), progress: progress, doneBefore: began.done,
      elapsed: now - began.at)
    // Behind the line there is room for the ^C of the terminal, which else goes on to the next line.
    Terminal.show(line.text(columns: (Terminal.columns ?? 80) - 3))
  }

  private static func word(_ activity: TransferProgress.Activity) -> String {
    switch activity {
    case .comparing: "Comparing"
    case .copying: "Copying"
    case .catchingUp: "Comparing"
    case .verifying: "Verifying"
    case .sealing: "Sealing"
    case .opening: "Opening"
    }
  }
}

/// One state of a transfer in words: `Copying  [#####.....]  45 %  1034 of 2300 MiB  120 MiB/s  0:12 left`.
struct TransferLine {
  /// What is going on.
  let what: String
  /// How far it has come.
  let progress: TransferProgress
  /// Octets that were done when the clock was started, which say nothing about the rate.
  let doneBefore: UInt64
  /// Since then.
  let elapsed: Duration

  /// The line; the bar takes what room the words leave, and what is going on is cut short before anything else is.
  func text(columns: Int) -> String {
    let words = "  " + ([share, amount] + speed).joined(separator: "  ")
    let room = columns - words.count
    let name = what.count <= max(room, 12) ? what : what.prefix(max(room, 12) - 1) + "…"
    let width = min(30, room - name.count - 4)
    guard width >= 5 else { return name + words }
    let filled = progress.total == 0 ? width : Int(Double(width) * fraction)
    return "\(name)  [" + String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled) + "]"
      + words
  }

  private var fraction: Double {
    progress.total == 0 ? 1 : min(1, Double(progress.done) / Double(progress.total))
  }

  private var share: String { "\(Int(fraction * 100)) %" }

  /// Both rounded up, so that what is complete says so.
  private var amount: String {
    func mebibytes(_ octets: UInt64) -> UInt64 { octets / (1 << 20) + (octets % (1 << 20) == 0 ? 0 : 1) }
    return "\(mebibytes(progress.done)) of \(mebibytes(progress.total)) MiB"
  }

  /// Rate and time left, when there is something to tell them by.
  private var speed: [String] {
    let seconds = elapsed / .seconds(1)
    guard progress.done > doneBefore, seconds >= 0.2 else { return [] }
    let rate = Double(progress.done - doneBefore) / seconds
    let mebibytes = rate / 1_048_576
    let shown = mebibytes < 10 ? "\(Double(Int(mebibytes * 10)) / 10)" : "\(Int(mebibytes))"
    let left = Double(progress.total - min(progress.done, progress.total)) / rate
    return ["\(shown) MiB/s", "\(Words.duration(left)) left"]
  }
}
