import ArgumentParser

/// `batch show`.
struct BatchShow: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show how far a batch has come, by its journal alone.",
    discussion: """
      Example:
        warifu batch show plan.json.journal
      """)

  @Argument(help: "The journal.")
  var journal: String

  @OptionGroup var output: OutputOptions

  func run() async throws { try output.write(JournalReport(try BatchJournal.read(journal))) }
}

private struct JournalReport: Report {
  let name: String
  let begunAt: UInt64
  let runs: Int
  let stopped: String?
  let cards: [BatchResult]

  init(_ record: BatchRecord) {
    (name, begunAt, runs, stopped) = (record.name, record.begunAt, record.runs, record.stopped)
    cards = record.cards.map { BatchResult($0) }
  }

  var text: String {
    let done = cards.count(where: \.isDone)
    let head = Columns.fields([
      ("Batch", name), ("Begun", Words.time(begunAt)),
      ("Runs", "\(runs)" + (stopped.map { ", the last stopped: \($0)" } ?? "")),
      ("Cards", "\(done) of \(cards.count) begun are done"),
    ])
    return cards.isEmpty ? head : head + BatchResult.table(cards)
  }
}
