import ArgumentParser
import CenterClient

/// How a centre on the network proves itself.
struct NetworkOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "PEM file with the authorities that the certificate of a centre on the network must come from; without it the "
        + "system's own.", valueName: "file"))
  var authority: String?

  @Option(
    help: ArgumentHelp(
      "How long a centre on the network that does not answer is tried again, in seconds.", valueName: "seconds"))
  var wait: UInt16 = 60

  /// Lends a client of the centre at `address`. Ctrl-C stops it where it can be carried on.
  ///
  /// - Parameter watch: hears Ctrl-C.
  func use<R: Sendable>(
    _ address: CenterAddress, hearing watch: InterruptWatch = InterruptWatch(),
    _ body: (CenterClient) async throws -> R
  ) async throws -> R {
    var patience = Patience()
    patience.retryTime = .seconds(Int64(wait))
    let notice = "No answer from \(address) yet; trying for \(wait) seconds."
    // It hears as long as it lives.
    defer { withExtendedLifetime(watch) {} }
    let onWait: @Sendable () -> Void = { if Terminal.showsProgress { Terminal.complain(notice) } }
    return try await withoutActuallyEscaping(body) { body in
      // Whoever waits for the task has what the body has, and does not touch it meanwhile.
      nonisolated(unsafe) let body = body
      let task = Task { [authority, patience] in
        try await CenterClient.use(address, authorities: authority, patience: patience, onWait: onWait) {
          try await body($0)
        }
      }
      watch.whenInterrupted { task.cancel() }
      return try await task.value
    }
  }
}

extension CenterFolderOptions {
  /// The centre's address, where one was given in the place of a folder.
  func address() throws -> CenterAddress? { try NetworkOptions.address(path) }
}

extension NetworkOptions {
  /// The address of a centre, if `text` is meant to be one rather than a folder.
  static func address(_ text: String?) throws -> CenterAddress? {
    guard let text, CenterAddress.isAddress(text) else { return nil }
    return try CenterAddress(text)
  }
}
