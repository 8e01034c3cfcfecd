import Foundation

/// One line of a batch's journal (docs/batch.md): something that is done and need not be done again, or that failed.
///
/// It names files, serials, operations and amounts; never a PIN, a code or a key.
struct JournalEntry: Codable, Hashable, Sendable {
  /// What happened.
  enum Event: String, Codable, Sendable {
    /// The journal was begun; always the first line.
    case begun
    /// A run started, or carried on.
    case started
    /// A card got its number.
    case card
    /// A card's issue is done.
    case issued
    /// A card's PIN letter is in its file.
    case lettered
    /// A charge is booked.
    case charged
    /// Everything that the plan wants of a card is done.
    case done
    /// A card failed; the next run tries again.
    case failed
    /// A run stopped early: too many failures, or somebody stopped it.
    case stopped
  }

  var event: Event
  /// Seconds since 1970 UTC.
  var time: UInt64
  /// `begun`: the form of the journal.
  var version: Int?
  /// `begun`: the plan's name, and SHA-256 of its text in hexadecimal.
  var name: String?, plan: String?
  /// `begun`: 16 random octets in hexadecimal, from which every operation's name comes.
  var batch: String?
  /// The card's file as the plan's folder has it.
  var source: String?
  /// The card's number in this batch, from 1 on.
  var number: Int?
  /// The card's serial.
  var serial: String?
  /// `charged`: which of the plan's charges, from 0 on.
  var charge: Int?
  /// `charged`: its operation at the centre.
  var operation: String?
  /// `charged`: codes and what they cost.
  var codes: Int?, amount: String?
  /// `lettered`: the file.
  var letter: String?
  /// `failed` and `stopped`: why.
  var reason: String?
  /// `failed`: the exit code that the failure alone would have.
  var exitCode: Int32?

  /// An entry.
  init(_ event: Event, time: UInt64) { (self.event, self.time) = (event, time) }

  /// The entry as one line, with its end.
  func line() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(self)) + [0x0A]
  }

  /// Reads one line without its end; `nil` if it is none.
  static func parse(_ line: some Collection<UInt8>) -> JournalEntry? {
    try? JSONDecoder().decode(JournalEntry.self, from: Data(line))
  }
}
