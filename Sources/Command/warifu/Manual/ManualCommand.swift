import ArgumentParser
import Foundation

/// `manual`.
struct ManualCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "manual", abstract: "Print the manual page.",
    discussion: """
      In the language of man(7), made from what --help tells.

      Example:
        warifu manual > warifu.1
      """)

  func run() throws {
    // The parser's own account of the commands.
    let account = try JSONDecoder().decode(CommandAccount.self, from: Data(Warifu._dumpHelp().utf8))
    try Terminal.write(ManualPage(account.command, version: Warifu.configuration.version).text)
  }
}

/// What the parser tells of the commands, as far as a manual needs it.
struct CommandAccount: Decodable {
  /// A noun or a verb.
  struct Command: Decodable {
    let commandName: String
    let abstract: String?
    let discussion: String?
    let subcommands: [Command]?
    let arguments: [Argument]?
  }

  /// An argument, option or flag.
  struct Argument: Decodable {
    struct Name: Decodable {
      let kind: String
      let name: String
    }

    let kind: String
    let shouldDisplay: Bool
    let isOptional: Bool
    let isRepeating: Bool
    let names: [Name]?
    let valueName: String?
    let abstract: String?
    let defaultValue: String?
  }

  let command: Command
}
