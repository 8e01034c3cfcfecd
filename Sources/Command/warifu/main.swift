import ArgumentParser

// Everything up to the first `await` runs before there is a second thread.
Terminal.occupyClosedStreams()
CrashTraces.turnOff()
do {
  let command = try Warifu.parseAsRoot()
  (command as? any PreparesProcess)?.prepareProcess()
  try await Warifu.execute(command)
} catch {
  Failure.end(error, arguments: CommandLine.arguments)
}
