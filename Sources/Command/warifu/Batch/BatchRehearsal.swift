import CardDriver
import CardProtocol
import Formats
import Identifiers
import LicenseCenter

/// What a batch would do, without doing any of it.
struct BatchRehearsal {
  let plan: BatchPlan
  let center: Center
  let titles: [SoftwareID]
  let known: [TitleRecord]
  let cardKey: SecretSource?

  /// Tells it for every card; answers an empty sum, for nothing was done.
  ///
  /// - Throws: when some would fail, once all is told: with the exit code that the run would have.
  func tell(_ supplies: [BatchSupply], journal: String, json: Bool) async throws -> BatchSum {
    let done = (try? BatchJournal.read(journal)) ?? BatchRecord()
    let rows = supplies.map { supply in
      switch supply {
      case .card(let card): row(card, done.card(from: card.source))
      case .reader(let part, let count, _): row(part, count, done)
      }
    }
    if json {
      for row in rows { try Terminal.write(try JSONLine.of(row)) }
    } else {
      try Terminal.write(BatchRehearsal.table(rows) + "Nothing was changed.\n")
    }
    let failing = rows.count { $0.reason != nil }
    guard failing == 0 else {
      throw Failure(
        failing == rows.count ? .failed : .partFailed, "\(failing) of \(Words.count(rows.count, "card")) would fail",
        remedy: "see to the reasons first")
    }
    return BatchSum(total: 0, journal: journal)
  }

  /// A line for each card, with the reasons of those that would fail below.
  private static func table(_ rows: [Row]) -> String {
    let table = Columns.table(
      ["SERIAL", "WOULD", "CODES", "COST", "FILE"],
      rows.map { [$0.serial ?? "unknown", $0.would, "\($0.codes)", $0.cost, $0.source] })
    return table + rows.compactMap { row in row.reason.map { "\(row.source): \($0).\n" } }.joined()
  }

  private struct Row: Encodable {
    let version = 1
    let dryRun = true
    let source: String
    let serial: String?
    let would: String
    let codes: Int
    let cost: String
    /// Why it would fail.
    var reason: String?
  }

  private func row(_ card: BatchCard, _ before: BatchRecord.Card?) -> Row {
    do {
      let status = try card.connect(key: cardKey).applicationStatus()
      if before?.isDone == true {
        return Row(source: card.source, serial: status.serial.description, would: "nothing", codes: 0, cost: "nothing")
      }
      let charges = plan.charges.indices.filter { before?.charges[$0] == nil }
      return try row(
        card.source, status.serial.description, issues: plan.issue != nil && before?.isIssued != true, charges)
    } catch {
      return failing(card.source, error)
    }
  }

  /// Cards that somebody will put into a reader: nobody knows them yet.
  private func row(_ part: String, _ count: Int, _ done: BatchRecord) -> Row {
    let prefix = BatchSupply.prefix(ofReader: part)
    let left = max(0, count - done.cards.count { $0.isDone && $0.source.hasPrefix(prefix) })
    let source = "\(Words.count(left, "card")) in \(part)"
    do {
      return try row(source, nil, issues: plan.issue != nil, Array(plan.charges.indices), times: left)
    } catch {
      return failing(source, error)
    }
  }

  private func row(
    _ source: String, _ serial: String?, issues: Bool, _ charges: [Int], times: Int = 1
  ) throws -> Row {
    let parts = (issues ? ["issue"] : []) + (charges.isEmpty ? [] : ["charge"])
    let cost = try charges.compactMap { index in
      try known.first { $0.softwareID == titles[index] }?.price.multiplied(by: times * Int(plan.charges[index].count))
    }
    return Row(
      source: source, serial: serial, would: parts.isEmpty ? "nothing" : parts.joined(separator: ", "),
      codes: times * charges.reduce(0) { $0 + Int(plan.charges[$1].count) },
      cost: cost.isEmpty ? "nothing" : cost.map(\.description).joined(separator: ", "))
  }

  private func failing(_ source: String, _ error: any Error) -> Row {
    Row(source: source, serial: nil, would: "fail", codes: 0, cost: "nothing", reason: Failure(error).sentence)
  }
}
