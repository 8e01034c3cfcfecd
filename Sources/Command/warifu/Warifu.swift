import ArgumentParser

/// The command line of Warifu: nouns, each with its verbs.
struct Warifu: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "warifu",
    abstract: "Licences bound to a card and a disc: the centre, the card, the disc, and what runs from them.",
    discussion: """
      Every verb has --help with an example. Results go to standard output, everything else to standard error.

      Secrets are never arguments. Where an option wants a SOURCE, give file:PATH, fd:NUMBER, env:NAME or - for \
      standard input; without one you are asked, if you sit at a terminal.

      Environment: WARIFU_CENTER, WARIFU_CARD and WARIFU_DISC stand for --center, --card-file and --disc, \
      WARIFU_PASSPHRASE (a SOURCE too) for --passphrase.
      """,
    version: "0.1.0",
    subcommands: [
      CenterCommand.self, CardCommand.self, DiscCommand.self, MasterCommand.self, CopyCommand.self, RunCommand.self,
      ShowCommand.self, APDUCommand.self,
    ])

  /// Runs what was parsed.
  static func execute(_ command: any ParsableCommand) async throws {
    var command = command
    guard var asynchronous = command as? any AsyncParsableCommand else { return try command.run() }
    try await asynchronous.run()
  }
}

/// A command that must change its process before there is a second thread in it.
protocol PreparesProcess {
  /// Called once, before the command runs.
  func prepareProcess()
}
