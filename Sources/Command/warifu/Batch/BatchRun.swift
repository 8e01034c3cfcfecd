import ArgumentParser
import CardDriver
import Cryptography
import Formats
import Identifiers
import LicenseCenter

/// `batch run`.
struct BatchRun: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Issue and charge many cards by a plan, each once.",
    discussion: """
      The journal tells what is done. Stopped or killed at any moment, the same command carries on, and neither \
      issues nor charges anything twice; cards that failed are tried again. docs/batch.md tells the plan's form.

      Ends with 3 if some of the cards failed, with 1 if all did.

      Example:
        warifu batch run plan.json --center center --passphrase file:passphrase
      """)

  @Argument(help: "The plan, a file in JSON.")
  var plan: String

  @Option(help: ArgumentHelp("Where the journal is; PLAN.journal if nothing is said.", valueName: "file"))
  var journal: String?

  @Option(help: ArgumentHelp("Stop after so many cards in a row have failed.", valueName: "number"))
  var haltAfter = 3

  @Option(
    help: ArgumentHelp(
      "SOURCE of the key that card files are encrypted under; without it the user's own.", valueName: "source"))
  var cardKey: SecretSource?

  @OptionGroup var center: CenterOptions
  @OptionGroup var dry: DryRunOptions

  @Flag(help: "Write one JSON object for each card, and one for all of them, each on its line.")
  var json = false

  func validate() throws {
    guard haltAfter > 0 else { throw ValidationError("Give a --halt-after of at least 1.") }
  }

  func run() async throws {
    let plan = try BatchPlan(readingFrom: plan)
    let supplies = try plan.supplies()
    let sum = try await center.use { center in
      let known = try await center.titles.titles()
      let titles = try plan.charges.map { try $0.title.resolve(among: known.map(NamedTitle.init), in: "the centre") }
      if dry.dryRun {
        return try await BatchRehearsal(plan: plan, center: center, titles: titles, known: known, cardKey: cardKey)
          .tell(supplies, journal: journalPath, json: json)
      }
      return try await work(on: supplies, of: plan, titles, at: center)
    }
    try sum.end()
  }

  private var journalPath: String { journal ?? self.plan + ".journal" }

  private func work(
    on supplies: [BatchSupply], of plan: BatchPlan, _ titles: [SoftwareID], at center: Center
  ) async throws -> BatchSum {
    let journal = try BatchJournal(at: journalPath, for: plan, random: SystemRandom()) { SystemClock().now() }
    try journal.append(journal.entry(.started))
    let runner = BatchRunner(plan: plan, journal: journal, center: center, titles: titles, cardKey: cardKey)
    let total = supplies.reduce(0) { $0 + $1.count }
    let run = BatchProgress(runner, sum: BatchSum(total: total, journal: journalPath), haltAfter: haltAfter, json: json)
    for supply in supplies where run.sum.stopped == nil {
      switch supply {
      case .card(let card): try await run.take(card)
      case .reader(let part, let count, let purchaser): try await run.takeCards(from: part, count, purchaser)
      }
    }
    let sum = run.finish()
    if let reason = sum.stopped {
      var entry = journal.entry(.stopped)
      entry.reason = reason.words
      try journal.append(entry)
    }
    try sum.tell(json: json)
    return sum
  }
}
