import CenterServer
import Cryptography
import Glibc
import LicenseCenter
import Logging
import NIOCore

extension CenterRig {
  /// Serves the centre in `folder` on a port of this machine, 0 for a free one, and prints `listening PORT`. No client is
  /// refused for asking much.
  static func serve(
    _ folder: String, _ port: Int, database: String?, passphrase: String, token: String?
  ) async throws {
    let location = try database.map { DatabaseLocation.server(try PostgreSQLAddress($0)) } ?? .file
    let center = try await CenterFolder(folder).open(
      passphrase: Secret(copying: Array(passphrase.utf8)), database: location, random: SystemRandom(),
      clock: StoppedClock())
    var options = ServingOptions()
    options.port = port
    options.obeysSignals = true
    options.limits.requestsPerSecond = 1e9
    options.limits.burst = 1e9
    options.limits.connections = 10_000
    options.limits.connectionsPerAddress = 10_000
    let counter = Identity(name: "counter", roles: [.counter])
    let tokens = FixedTokens(token.map { [(Array($0.utf8), counter)] } ?? [])
    let server = try CenterServer(
      center, options: options, monitors: tokens,
      logger: Logger(label: "rig") { _ in SwiftLogNoOpLogHandler() }, random: SystemRandom(),
      onListening: { print("listening \($0.port ?? 0)", to: STDOUT_FILENO) })
    try await server.run()
    try center.close()
  }
}
