import ArgumentParser

/// The noun `disc`.
struct DiscCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "disc", abstract: "The magneto-optical disc: making one, and what it holds.",
    subcommands: [
      DiscNew.self, DiscInfo.self, DiscID.self, DiscFormat.self, DiscCheck.self, DiscRepair.self, DiscList.self,
      DiscLicences.self, DiscLicense.self, DiscDelete.self, DiscServe.self,
    ])
}
