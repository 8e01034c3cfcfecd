import Foundation

/// What became of one card in a batch.
struct BatchResult: Encodable, Sendable {
  /// Form of the object.
  let version = 1
  let card: Int
  let source: String
  let serial: String?
  let state: String
  let isIssued: Bool
  let codes: Int
  let amounts: [String]
  let letter: String?
  let reason: String?
  let exitCode: Int32?

  /// Whether everything is done.
  var isDone: Bool { state == "done" || state == "done before" }

  /// What the journal says of a card.
  init(_ card: BatchRecord.Card, wasDoneBefore: Bool = false) {
    self.card = card.number
    source = card.source
    serial = card.serial
    state = card.isDone ? (wasDoneBefore ? "done before" : "done") : card.reason == nil ? "begun" : "failed"
    isIssued = card.isIssued
    let charges = card.charges.sorted { $0.key < $1.key }.map(\.value)
    codes = charges.reduce(0) { $0 + $1.codes }
    amounts = charges.map(\.amount)
    letter = card.letter
    reason = card.reason
    exitCode = card.exitCode
  }

  /// The result as a line of JSON.
  func line() throws -> String { try JSONLine.of(self) }

  /// The results as a table, with the reasons below.
  static func table(_ results: [BatchResult]) -> String {
    let table = Columns.table(
      ["CARD", "SERIAL", "STATE", "CODES", "BILLED", "FILE"],
      results.map { result in
        [
          "\(result.card)", result.serial ?? "unknown", result.state, "\(result.codes)",
          result.amounts.isEmpty ? "nothing" : result.amounts.joined(separator: ", "), result.source,
        ]
      })
    let reasons = results.compactMap { result in result.reason.map { "Card \(result.card): \($0).\n" } }
    return table + reasons.joined()
  }
}

/// All of a batch, as far as one run has come.
struct BatchSum {
  /// Why a run ended before the last card.
  enum Stop: Equatable {
    case tooManyFailures(Int)
    case interrupted

    var words: String {
      switch self {
      case .tooManyFailures(let count): "\(Words.count(count, "card")) in a row failed"
      case .interrupted: "somebody stopped it"
      }
    }
  }

  let total: Int
  let journal: String
  private(set) var results: [BatchResult] = []
  private(set) var failuresInARow = 0
  var stopped: Stop?

  init(total: Int, journal: String) { (self.total, self.journal) = (total, journal) }

  /// How many failed.
  var failed: Int { results.count { !$0.isDone } }

  /// Takes a result; a card that was tried again has only its last one.
  mutating func add(_ result: BatchResult) {
    if let earlier = results.firstIndex(where: { $0.source == result.source }) {
      results[earlier] = result
    } else {
      results.append(result)
    }
    failuresInARow = result.isDone ? 0 : failuresInARow + 1
  }

  /// Writes the results; the single ones are written by now where they are JSON.
  func tell(json: Bool) throws {
    guard json else { return try Terminal.write(BatchResult.table(results) + text) }
    try Terminal.write(
      try JSONLine.of(
        SumLine(
          cards: total, done: results.count - failed, failed: failed, notReached: max(0, total - results.count),
          stopped: stopped?.words, journal: journal)))
  }

  private var text: String {
    var words = "\(results.count - failed) of \(Words.count(total, "card")) done"
    if failed > 0 { words += ", \(failed) failed" }
    if total > results.count { words += ", \(total - results.count) not reached" }
    return words + ".\n"
  }

  /// Ends the command as the results want it.
  func end() throws {
    if stopped == .interrupted {
      throw Failure(.interrupted, "stopped", remedy: "repeat the command to carry on")
    }
    guard failed > 0 else { return }
    let stop = stopped.map { ", and it stopped since \($0.words)" } ?? ""
    throw Failure(
      failed == results.count ? .failed : .partFailed, "\(failed) of \(Words.count(total, "card")) failed\(stop)",
      remedy: "see to the reasons and repeat the command; nothing is done twice")
  }
}

private struct SumLine: Encodable {
  let version = 1
  let cards: Int
  let done: Int
  let failed: Int
  let notReached: Int
  let stopped: String?
  let journal: String
}

/// One JSON object on a line of its own.
enum JSONLine {
  static func of(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
  }
}
