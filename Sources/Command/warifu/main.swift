import ArgumentParser

// Everything up to the first `await` runs before there is a second thread.
do {
  var command = try Warifu.parseAsRoot()
  (command as? any PreparesProcess)?.prepareProcess()
  if var command = command as? any AsyncParsableCommand {
    try await command.run()
  } else {
    try command.run()
  }
} catch {
  Failure.end(error, arguments: CommandLine.arguments)
}
