import ArgumentParser

/// The noun `batch`.
struct BatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "batch", abstract: "Many cards at once: issuing and charging them by a plan.",
    subcommands: [BatchRun.self, BatchShow.self])
}
