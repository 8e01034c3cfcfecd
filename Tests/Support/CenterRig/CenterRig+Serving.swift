import CenterServer
import Cryptography
import Glibc
import LicenseCenter
import Logging
import NIOCore
import ServiceLifecycle

extension CenterRig {
  /// Serves on a free port of this machine and prints `listening PORT`. No client is refused for asking much.
  static func serve(_ folder: String, database: String, _ passphrase: String) async throws {
    let center = try await CenterFolder(folder).open(
      passphrase: Secret(copying: Array(passphrase.utf8)),
      database: try DatabaseLocation(database == "file" ? nil : database), random: SystemRandom(), clock: StoppedClock()
    )
    var options = ServingOptions()
    options.port = 0
    options.obeysSignals = true
    options.limits.requestsPerSecond = 1e9
    options.limits.burst = 1e9
    options.limits.connections = 10_000
    options.limits.connectionsPerAddress = 10_000
    let server = try CenterServer(
      center, options: options, logger: Logger(label: "rig") { _ in SwiftLogNoOpLogHandler() }, random: SystemRandom(),
      onListening: { print("listening \($0.port ?? 0)", to: STDOUT_FILENO) })
    try await server.run()
    try center.close()
  }
}
