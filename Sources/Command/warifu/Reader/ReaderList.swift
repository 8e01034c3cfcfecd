import ArgumentParser
import CardDriver
import Octets

/// `reader list`.
struct ReaderList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the readers and what is in them.",
    discussion: """
      Disturbs no card. Ends with 69 if the smart card service, pcscd, is not running.

      Example:
        warifu reader list
      """)

  @OptionGroup var output: OutputOptions

  func run() async throws {
    let context = try ReaderContext()
    let readers = try context.readers().map { reader in
      // Who keeps a card for himself is not asked to share: such a reader's keypad is of no use now anyway.
      ReaderEntry(reader, pinPad: reader.state == .exclusive ? [] : context.pinPadAbilities(of: reader.name))
    }
    try output.write(ReaderListReport(readers: readers))
  }
}

/// One reader.
struct ReaderEntry: Encodable {
  /// Its name, as `--reader` takes it.
  let name: String
  /// What is in it; see ``Reader/State``.
  let state: String
  /// The card's answer to reset in hexadecimal.
  let answerToReset: String?
  /// Whether the card calls itself a Warifu card.
  let isWarifu: Bool
  /// Whether it has a keypad on which a PIN can be entered; left out where nobody asked.
  let hasPINPad: Bool?
  /// What is in it, for people.
  let summary: String

  private enum CodingKeys: CodingKey { case name, state, answerToReset, isWarifu, hasPINPad }

  init(_ reader: Reader, pinPad: PINPadAbilities? = nil) {
    hasPINPad = pinPad.map { $0.contains(.verify) }
    name = reader.name
    state = reader.state.rawValue
    answerToReset = reader.answerToReset.map(Hex.encode)
    isWarifu = reader.isWarifu
    let card = isWarifu ? "Warifu card" : "card"
    summary =
      switch reader.state {
      case .empty: "no card"
      case .present: card
      case .inUse: card + ", in use"
      case .exclusive: card + ", kept by one program"
      case .mute: "a card that does not answer"
      case .unavailable: "cannot be used now"
      }
  }

  /// What is in it, and what that answered to reset, without a line end.
  var text: String {
    [summary + (hasPINPad == true ? "; the reader has a PIN pad" : ""), answerToReset.map { "ATR " + $0 }]
      .compactMap(\.self).joined(separator: "\n  ")
  }
}

private struct ReaderListReport: Report {
  let readers: [ReaderEntry]

  var text: String {
    guard !readers.isEmpty else { return "No readers.\n" }
    return readers.map { "\($0.name)\n  \($0.text)\n" }.joined()
  }
}
