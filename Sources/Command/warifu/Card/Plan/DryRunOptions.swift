import ArgumentParser

/// Whether only to tell what would be done.
struct DryRunOptions: ParsableArguments {
  @Flag(help: "Only tell which commands would be sent and what they would cost.")
  var dryRun = false
}
