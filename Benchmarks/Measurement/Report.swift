import Foundation

/// The results, as a table of 80 columns or as one JSON object.
struct Report {
  let isQuick: Bool
  var figures: [Figure] = []

  private static let nameWidth = 38

  func printHeader() {
    print("Rates: more is better; times (us) and memory (MiB): less. Ratio: ours divided by the")
    print("reference of the same run.\n")
    print(row("figure", "ours", "reference", "ratio", "goal"))
    print(String(repeating: "-", count: 79))
  }

  func printLine(_ figure: Figure) {
    let reference = figure.reference.map { text($0, figure.unit) } ?? "-"
    let ratio = figure.ratio.map { String(format: $0 < 0.1 ? "%.3f" : "%.2f", $0) } ?? "-"
    print(row(figure.name, text(figure.ours, figure.unit), reference, ratio, goal(figure)))
    fflush(nil)
  }

  /// What to think of the numbers.
  func printNote() {
    var loads = [Double](repeating: 0, count: 3)
    let load = getloadavg(&loads, 3) > 0 ? String(format: "%.1f", loads[0]) : "unknown"
    let spread = figures.compactMap(\.spread).max().map { String(format: "%.0f %%", $0 * 100) } ?? "unknown"
    print(
      "\n\(ProcessInfo.processInfo.activeProcessorCount) processors, load \(load) at the end\(isQuick ? ", quick run" : "")."
    )
    print("Middle half of the rounds lay within \(spread) of the median at worst. On a busy")
    print("machine believe the ratios: both sides of one were measured in turns.")
  }

  func printJSON() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let document = Document(isQuick: isQuick, figures: figures.map(Document.Line.init))
    print(String(decoding: try encoder.encode(document), as: UTF8.self))
  }

  private func goal(_ figure: Figure) -> String {
    guard let goal = figure.goal, let isMet = figure.isMet else { return "" }
    let target =
      switch goal {
      case .rate(let least): text(least, figure.unit)
      case .ratio(let least): String(format: "%.2f", least)
      case .ratioAtMost(let most): "<=" + String(format: "%.2f", most)
      case .atMost(let most): "<=" + text(most, figure.unit)
      case .zero: "0"
      }
    return "\(target) \(isMet ? "met" : "missed")"
  }

  private func row(_ name: String, _ ours: String, _ reference: String, _ ratio: String, _ goal: String) -> String {
    let line = left(name, Report.nameWidth) + right(ours, 11) + right(reference, 11) + right(ratio, 7)
    return goal.isEmpty ? line : line + "  " + goal
  }

  private func left(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  private func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  /// Three digits that count, with a decimal prefix.
  private func text(_ value: Double, _ unit: Unit) -> String {
    switch unit {
    case .allocations: String(format: "%g", value)
    case .microseconds: String(format: "%.3g us", value)
    case .mebibytes: String(format: "%.0f MiB", value)
    case .mebibytesPerSecond: String(format: "%.0f MiB/s", value)
    case .perSecond:
      switch value {
      case 1e6...: String(format: "%.3g M/s", value / 1e6)
      case 1e3...: String(format: "%.3g k/s", value / 1e3)
      default: String(format: "%.3g /s", value)
      }
    }
  }
}

/// The JSON object.
private struct Document: Encodable {
  let version = 1
  let isQuick: Bool
  let figures: [Line]

  struct Line: Encodable {
    let name: String
    let unit: Unit
    let ours: Double
    let reference: Double?
    let ratio: Double?
    let isGoalMet: Bool?
    let spread: Double?

    init(_ figure: Figure) {
      name = figure.name
      unit = figure.unit
      ours = figure.ours
      reference = figure.reference
      ratio = figure.ratio
      isGoalMet = figure.isMet
      spread = figure.spread
    }
  }
}
