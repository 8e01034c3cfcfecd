import ArgumentParser
import CenterClient

/// How a centre on the network proves itself.
struct NetworkOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "PEM file with the authorities that the certificate of a centre on the network must come from; without it the "
        + "system's own.", valueName: "file"))
  var authority: String?

  /// Lends a client of the centre at `address`.
  func use<R>(_ address: CenterAddress, _ body: (CenterClient) async throws -> R) async throws -> R {
    try await CenterClient.use(address, authorities: authority, body)
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
