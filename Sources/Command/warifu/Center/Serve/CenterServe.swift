import ArgumentParser
import CenterServer
import Cryptography
import Formats
import Foundation
import LicenseCenter
import Logging
import Octets
import Sockets

/// `center serve`.
struct CenterServe: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Serve a centre over HTTP, until ended.",
    discussion: """
      Writes a line that says where, once it listens; with --json one for programs. Logs go to standard error, each a \
      JSON object unless that is a terminal. Only this machine reaches it unless --host says otherwise, which wants a \
      certificate, or --behind-tls where a proxy does TLS. With --reader, or another place of a card, the counter's page \
      charges the card that is there.

      SIGTERM ends it with 0 after what is being served, Ctrl-C with 130; the same again at once. SIGHUP reads the \
      certificate again. Under systemd (Type=notify) it says when it is ready, stops, and lives. A centre whose database \
      is a file is served once at a time, one on PostgreSQL by many.

      Example:
        warifu center serve center --passphrase file:passphrase
        warifu center serve center --passphrase file:passphrase --port 8443 \\
          --host 192.0.2.7 --tls-certificate chain.pem --tls-key key.pem
      """)

  @Argument(help: "The centre's folder; the same as --center.")
  var folder: String?

  @Option(help: ArgumentHelp("Listen at this address of the machine, or this name's.", valueName: "address"))
  var host = "127.0.0.1"

  @Option(help: ArgumentHelp("Listen at this TCP port; 0 for any that is free.", valueName: "number"))
  var port: UInt16 = 8451

  @Option(help: ArgumentHelp("The server's certificate and those above it, in PEM.", valueName: "file"))
  var tlsCertificate: String?

  @Option(help: ArgumentHelp("The certificate's private key, in PEM.", valueName: "file"))
  var tlsKey: String?

  @Flag(name: .customLong("behind-tls"), help: "Let plain HTTP leave this machine: a proxy does TLS.")
  var isBehindTLS = false

  @Option(
    help: ArgumentHelp(
      "Believe the proxies in this network about whom they pass requests on for; again for each further one.",
      valueName: "network"),
    transform: { text in
      guard let network = IPNetwork(text) else {
        throw ValidationError("'\(text)' is no network; write it as 10.0.0.0/8 or 2001:db8::/32, or one address")
      }
      return network
    })
  var trustedProxy: [IPNetwork] = []

  @Option(
    help: ArgumentHelp(
      "SOURCE of the token of a program that reads /metrics, 32 octets or more.", valueName: "source"))
  var monitorToken: SecretSource?

  @Option(help: ArgumentHelp("Log what is at least so grave: debug, info, warning or error.", valueName: "level"))
  var logLevel = LogLevel.info

  @OptionGroup(title: "Options of the counter's reader") var card: CardOptions
  @OptionGroup var center: CenterOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard card.trace == nil, card.record == nil else {
      throw ValidationError("--trace and --record are for one session with a card; leave them out")
    }
    guard (tlsCertificate == nil) == (tlsKey == nil) else {
      throw ValidationError("a certificate goes with its key; give --tls-certificate and --tls-key, or neither")
    }
    guard tlsCertificate == nil || !isBehindTLS else {
      throw ValidationError("a proxy does TLS, or this server; give a certificate or --behind-tls")
    }
  }

  func run() async throws {
    var named = center
    try named.folderOptions.take(folder)
    let serving = try options()
    let monitors = try monitors()
    let folder = try named.folder()
    let lock = try named.location(of: folder) == .file ? try ServeLock(of: folder) : nil
    defer { lock?.release() }
    let output = output
    let logger = ServerLog.open(at: logLevel.level)
    let ending = try await named.use { center in
      let host = try CenterHost(
        center, options: serving, monitors: monitors, counterReader: counterReader,
        collectsPayments: try folder.settings().simulatesPayments,
        manager: ServiceManager(environment: ProcessInfo.processInfo.environment, processID: getpid()),
        logger: logger, random: SystemRandom()
      ) { place in
        do {
          try output.writeLine(ListeningReport(place, center: center.facts))
        } catch {
          Terminal.complain("warifu: \(Failure(error).sentence).")
        }
      }
      return try await host.run()
    }
    if ending == .interrupted { throw ExitCode(ExitStatus.interrupted.rawValue) }
  }

  private func options() throws -> ServingOptions {
    var options = ServingOptions()
    options.host = host
    options.port = Int(port)
    options.isBehindTLS = isBehindTLS
    options.trustedProxies = trustedProxy
    if let tlsCertificate, let tlsKey {
      for path in [tlsCertificate, tlsKey] { _ = try SmallFile.read(path, limit: 1 << 20, what: "certificate or key") }
      options.identity = try TLSIdentity(certificatePath: tlsCertificate, keyPath: tlsKey)
    }
    guard options.isSafe else {
      throw Failure(
        .usage, "serving on \(host) in clear would show codes and tokens to the network",
        remedy: "give --tls-certificate and --tls-key, or --behind-tls where a proxy does TLS")
    }
    return options
  }

  /// Where the counter's page charges cards; `nil` if no option says so. WARIFU_CARD does not: it is some other card's.
  private var counterReader: CounterReader? {
    guard card.isGiven else { return nil }
    let card = card
    let place = card.reader ?? card.cardFile ?? card.cardSocket?.address.description
    return CounterReader(name: place ?? "the counter's reader") { LocalRelay(connection: try card.connect()) }
  }

  private func monitors() throws -> FixedTokens {
    guard let monitorToken else { return FixedTokens([]) }
    let token = try monitorToken.readText("monitor's token").withBytes { $0.octets }
    guard token.count >= FixedTokens.minimumOctets else {
      throw Failure(
        .badInput, "the monitor's token can be guessed",
        remedy: "give \(FixedTokens.minimumOctets) octets or more, such as 'openssl rand -hex 32' makes")
    }
    return FixedTokens([(token, Identity(name: "monitor", roles: [.auditor]))])
  }
}

/// How grave what is logged is.
enum LogLevel: String, CaseIterable, ExpressibleByArgument {
  case debug, info, warning, error

  /// The log's own word for it.
  var level: Logger.Level {
    switch self {
    case .debug: .debug
    case .info: .info
    case .warning: .warning
    case .error: .error
    }
  }
}

extension ListeningFailure: FailureConvertible {
  var failure: Failure {
    let place = "cannot listen on \(host), port \(port)"
    switch code {
    case EADDRINUSE:
      return Failure(.busy, "\(place): somebody listens there already", remedy: "end that, or give another --port")
    case EACCES:
      return Failure(.refused, "\(place): only root may", remedy: "give a --port from 1024 on")
    case EADDRNOTAVAIL, 0:
      return Failure(.noDevice, "\(place): this machine has no such address", remedy: "give one of its own with --host")
    default:
      return Failure(.unavailable, "\(place): \(String(cString: strerror(code)))", remedy: "see --host and --port")
    }
  }
}

private struct ListeningReport: Report {
  let url: String
  let address: String
  let port: Int
  let center: String
  let processID: Int32

  init(_ place: CenterHost.Place, center: CenterFacts) {
    url = place.url
    address = place.address
    port = place.port
    self.center = center.centerID.description
    processID = getpid()
  }

  var text: String { "Serving at \(url)\n" }
}
