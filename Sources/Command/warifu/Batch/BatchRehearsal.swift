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

  /// Tells it for every card; answers an empty sum, for nothing failed.
  func tell(_ cards: [BatchCard], journal: String, json: Bool) async throws -> BatchSum {
    let done = (try? BatchJournal.read(journal)) ?? BatchRecord()
    let rows = cards.map { card in row(card, done.card(from: card.source)) }
    if json {
      for row in rows { try Terminal.write(try JSONLine.of(row)) }
    } else {
      try Terminal.write(
        Columns.table(
          ["SERIAL", "WOULD", "CODES", "COST", "FILE"],
          rows.map { [$0.serial ?? "unknown", $0.would, "\($0.codes)", $0.cost, $0.source] })
          + "Nothing was changed.\n")
    }
    return BatchSum(total: 0, journal: journal)
  }

  private struct Row: Encodable {
    let version = 1
    let dryRun = true
    let source: String
    let serial: String?
    let would: String
    let codes: Int
    let cost: String
  }

  private func row(_ card: BatchCard, _ before: BatchRecord.Card?) -> Row {
    do {
      let status = try card.connect(key: cardKey).applicationStatus()
      let charges = plan.charges.indices.filter { before?.charges[$0] == nil }
      var parts: [String] = []
      if plan.issue != nil, before?.isIssued != true { parts.append("issue") }
      if !charges.isEmpty { parts.append("charge") }
      if before?.isDone == true { parts = [] }
      let cost = try charges.compactMap { index in
        try known.first { $0.softwareID == titles[index] }?.price.multiplied(by: Int(plan.charges[index].count))
      }
      let codes = charges.reduce(0) { $0 + Int(plan.charges[$1].count) }
      return Row(
        source: card.source, serial: status.serial.description,
        would: parts.isEmpty ? "nothing" : parts.joined(separator: ", "), codes: codes,
        cost: cost.isEmpty ? "nothing" : cost.map(\.description).joined(separator: ", "))
    } catch {
      return Row(
        source: card.source, serial: nil, would: "fail: \(Failure(error).sentence)", codes: 0, cost: "nothing")
    }
  }
}
