import ArgumentParser

/// The noun `reader`.
struct ReaderCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reader", abstract: "The card readers of this machine (PC/SC).",
    subcommands: [ReaderList.self, ReaderWatch.self, ReaderInstall.self, ReaderUninstall.self])
}
