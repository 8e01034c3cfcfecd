import CenterServer
import Cryptography
import Glibc
import LicenseCenter
import Logging
import NIOCore

extension CenterRig {
  /// Serves the centre in `folder` on a port of this machine until the process is killed.
  static func serve(
    _ folder: String, _ port: Int, database: String?, passphrase: String, token: String
  ) async throws {
    let location = try database.map { DatabaseLocation.server(try PostgreSQLAddress($0)) } ?? .file
    let center = try await CenterFolder(folder).open(
      passphrase: Secret(copying: Array(passphrase.utf8)), database: location, random: SystemRandom(),
      clock: StoppedClock())
    var options = ServingOptions()
    options.port = port
    let counter = FixedTokens([(Array(token.utf8), Identity(name: "counter", roles: [.counter]))])
    let server = try CenterServer(
      center, options: options, authenticator: counter, answers: CenterAnswers(center),
      logger: Logger(label: "rig") { _ in SwiftLogNoOpLogHandler() }, random: SystemRandom(),
      onListening: { print("listening \($0.port ?? 0)", to: STDOUT_FILENO) })
    try await server.run()
  }
}
