import ArgumentParser
import CardDriver
import Glibc
import ISO7816
import Octets

/// The noun `apdu`.
struct APDUCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apdu", abstract: "Commands to a card as they go over the line.",
    subcommands: [APDUSend.self])
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
        remedy: "look up their status words in docs/card-protocol.md")
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

  private static func readLines() throws -> [CommandAPDU] {
    var commands: [CommandAPDU] = []
    while let line = readLine(strippingNewline: true) {
      if !line.allSatisfy(\.isWhitespace) { commands.append(try parse(line)) }
    }
    guard !commands.isEmpty else {
      throw Failure(.badInput, "there is no command on standard input", remedy: "give one on each line")
    }
    return commands
  }
}

/// What was sent and answered, without secrets.
private struct APDUReport: Report {
  struct Exchange: Encodable {
    let command: String
    let name: String
    let data: String?
    let status: String
    let meaning: String
    let isDone: Bool

    init(_ command: CommandAPDU, _ response: ResponseAPDU, reveal: Bool) {
      let schema = command.schema
      name = schema.name
      let head = Hex.encode([command.cla, command.ins, command.p1, command.p2])
      let length = command.data.count
      let body = schema.carriesSecret ? "(\(Words.count(length, "octet")) hidden)" : Hex.encode(command.data)
      self.command = length == 0 ? head : "\(head) \(body)"
      let isHidden = schema.answersSecret && !reveal && !response.data.isEmpty
      data = isHidden ? nil : Hex.encode(response.data)
      status = Hex.encode([response.status.sw1, response.status.sw2])
      meaning = String(response.status.meaning.dropFirst(status.count + 2))
      isDone = response.status == .ok || response.status.sw1 == 0x62 || response.status == StatusWord(0x63, 0x10)
    }
  }

  let exchanges: [Exchange]

  var text: String {
    exchanges.map { exchange in
      let answer =
        switch exchange.data {
        case .none: "  (hidden; --reveal shows it)\n"
        case .some(""): ""
        case .some(let digits): APDUReport.wrapped(digits)
        }
      return "> \(exchange.name)\n" + APDUReport.wrapped(exchange.command)
        + "< \(exchange.status) \(exchange.meaning)\n" + answer
    }.joined()
  }

  /// Digits in lines of at most 72 columns.
  private static func wrapped(_ text: String) -> String {
    var rest = Substring(text)
    var lines = ""
    while !rest.isEmpty {
      lines += "  \(rest.prefix(70))\n"
      rest = rest.dropFirst(70)
    }
    return lines
  }
}
