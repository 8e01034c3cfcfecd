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
      ShowCommand.self, RedeemCommand.self, OpenCommand.self, ReaderCommand.self, BatchCommand.self, APDUCommand.self,
      CompletionsCommand.self, ManualCommand.self,
    ])

  /// Runs what was parsed.
  static func execute(_ command: any ParsableCommand) async throws {
    var command = command
    let configuration = type(of: command).configuration
    guard configuration.subcommands.isEmpty else { throw noVerb(configuration, arguments: CommandLine.arguments) }
    // A session that failed is the one that somebody wants to see.
    let result: Result<Void, any Error>
    do {
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
      result = .success(())
    } catch {
      result = .failure(error)
    }
    let saved = Result { try SessionFiles.save() }
    try result.get()
    try saved.get()
  }

  /// A noun alone is no command: a script whose verb got lost should hear of it.
  private static func noVerb(_ noun: CommandConfiguration, arguments: [String]) -> Failure {
    let names = noun.subcommands.compactMap { $0.configuration.commandName }.joined(separator: ", ")
    let help = (["warifu"] + verb(in: arguments) + ["--help"]).joined(separator: " ")
    return Failure(.usage, "that is no whole command", remedy: "go on with one of \(names), or see '\(help)'")
  }
}

/// A command that must change its process before there is a second thread in it.
protocol PreparesProcess {
  /// Called once, before the command runs.
  func prepareProcess()
}
