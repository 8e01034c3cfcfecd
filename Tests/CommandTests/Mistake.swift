import Foundation
import Testing

/// One mistake, its exit code, and words that the sentence must have.
struct Mistake {
  let status: Int32
  let words: String
  let arguments: [String]

  init(_ status: Int32, _ words: String, _ arguments: String...) { self.init(status, words, arguments) }

  init(_ status: Int32, _ words: String, _ arguments: [String]) {
    (self.status, self.words, self.arguments) = (status, words, arguments)
  }
}

extension CommandBench {
  /// Makes each mistake: one sentence, its exit code, and nothing has changed.
  func expect(_ mistakes: [Mistake]) throws {
    let before = try state()
    let books = try succeed("center", "verify").output
    for mistake in mistakes {
      let outcome = try run(mistake.arguments)
      #expect(outcome.status == mistake.status, "\(mistake.arguments): \(outcome.complaint)")
      let lines = outcome.complaint.split(separator: "\n", omittingEmptySubsequences: false)
      #expect(lines.count == 2 && lines.last == "", "\(mistake.arguments): \(outcome.complaint)")
      #expect(outcome.complaint.hasPrefix("warifu: ") && outcome.complaint.hasSuffix(".\n"), "\(outcome.complaint)")
      #expect(
        outcome.complaint.contains(": ") && outcome.complaint.lowercased().contains(mistake.words.lowercased()),
        "\(mistake.arguments): \(outcome.complaint)")
      if mistake.arguments.first != "apdu" { #expect(outcome.octets.isEmpty, "\(mistake.arguments)") }
    }
    let after = try state()
    for name in Set(before.keys).union(after.keys) where !name.hasPrefix("center/center.db") {
      #expect(before[name] == after[name], "\(name) has changed, or come, or gone")
    }
    // SQLite tidies its files whenever it likes; what is in them is what the log's head says.
    #expect(try succeed("center", "verify").output == books)
  }
}
