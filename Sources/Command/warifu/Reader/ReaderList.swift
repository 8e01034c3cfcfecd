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
    try output.write(ReaderListReport(readers: try ReaderContext().readers().map(ReaderEntry.init)))
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
  /// What is in it, for people.
  let summary: String

  private enum CodingKeys: CodingKey { case name, state, answerToReset, isWarifu }

  init(_ reader: Reader) {
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
    guard let answerToReset else { return summary }
    return summary + "\n  ATR " + answerToReset
  }
}

private struct ReaderListReport: Report {
  let readers: [ReaderEntry]

  var text: String {
    guard !readers.isEmpty else { return "No readers.\n" }
    return readers.map { "\($0.name)\n  \($0.text)\n" }.joined()
  }
}
