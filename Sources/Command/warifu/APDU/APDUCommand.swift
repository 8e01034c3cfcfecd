import ArgumentParser
import CardDriver
import Foundation
import ISO7816
import Octets

/// The noun `apdu`.
struct APDUCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apdu", abstract: "Commands to a card as they go over the line.",
    subcommands: [APDUSend.self, APDUScript.self, APDUReplay.self])
}

/// `apdu send`.
struct APDUSend: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "send", abstract: "Send commands to a card, and show what it answers.",
    discussion: """
      Each command is hexadecimal, with or without spaces; they run in one session, with nothing selected but the \
      issuer security domain. - reads them from standard input, one on each line: so must commands that carry a secret, \
      such as VERIFY. Secrets are not shown, neither sent nor answered, but for --reveal.

      Ends with 1 if the card refused all of them, with 3 if it refused some.

      Example:
        warifu apdu send 00A4040008F057415249465501 80CADF2000 \\
          --card-file alice.card
      """)

  @Argument(help: "Commands in hexadecimal, or - for standard input.")
  var command: [String]

  @Flag(help: "Show answers that hold a secret.")
  var reveal = false

  @OptionGroup var card: CardOptions
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let commands = try command == ["-"] ? APDUSend.readLines() : command.map(APDUSend.parse)
    if command != ["-"], let secret = commands.first(where: { $0.schema.carriesSecret }) {
      throw Failure(
        .usage, "\(secret.schema.name) carries a secret, and arguments can be seen by others",
        remedy: "give the command on standard input, with - as the only argument")
    }
    let connection = try card.connect()
    let exchanges = try commands.map { command in
      APDUReport.Exchange(
        command, try connection.exchange(command, operation: "send \(command.schema.name)"), reveal: reveal)
    }
    try output.write(APDUReport(exchanges: exchanges))
    let refused = exchanges.count { !$0.isDone }
    guard refused == 0 else {
      throw Failure(
        refused == exchanges.count ? .failed : .partFailed,
        "the card refused \(refused) of \(Words.count(exchanges.count, "command"))",
        remedy: "look up their status words in docs/status-words.md")
    }
  }

  private static func parse(_ text: String) throws -> CommandAPDU {
    guard let octets = Hex.decode(text), let command = try? CommandAPDU(parsing: octets.span.bytes) else {
      // It is not repeated: it may hold a PIN.
      throw Failure(
        .badInput, "a command is no APDU", remedy: "give CLA INS P1 P2 and then Lc, data and Le in hexadecimal")
    }
    return command
  }

  /// The most octets of standard input, and the most commands in them.
  private static let inputLimit = 8 << 20, commandLimit = 10_000

  private static func readLines() throws -> [CommandAPDU] {
    let octets = try SmallFile.read("-", limit: inputLimit, what: "list of commands")
    let lines = octets.split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) }
      .filter { !$0.allSatisfy(\.isWhitespace) }
    guard !lines.isEmpty else {
      throw Failure(.badInput, "there is no command on standard input", remedy: "give one on each line")
    }
    guard lines.count <= commandLimit else {
      throw Failure(.badInput, "there are too many commands", remedy: "give at most \(commandLimit) at once")
    }
    return try lines.map { try parse($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
  }
}
