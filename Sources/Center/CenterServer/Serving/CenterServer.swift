import Cryptography
import HTTPTypes
import Hummingbird
import HummingbirdCore
import LicenseCenter
import Logging
import NIOCore
import ServiceLifecycle
import UnixSignals

/// The licence centre over HTTP: one route table that serves and describes itself, behind limits that no client can pass.
public struct CenterServer: Service {
  private let options: ServingOptions
  private let journal: Journal
  private let responder: Responder
  private let connections: ConnectionTable
  private let onListening: @Sendable (SocketAddress) async -> Void

  /// A server of `center`, whose callers log in at the centre and whose answers it keeps.
  ///
  /// - Parameters:
  ///   - monitors: callers with tokens of their own, such as a program that reads figures.
  ///   - further: endpoints beside the ones of this module.
  ///   - random: makes request ids.
  ///   - ticks: nanoseconds of a clock that never goes back.
  ///   - onListening: is told the address, port and all, before the first connection is taken.
  /// - Throws: ``LicenseCenter/CenterError/Code/invalid`` for options that would send tokens over a network in clear.
  public init(
    _ center: Center, options: ServingOptions, monitors: FixedTokens = FixedTokens([]), further: [Endpoint] = [],
    logger: Logger, random: any RandomSource,
    ticks: @escaping @Sendable () -> UInt64 = { NIODeadline.now().uptimeNanoseconds },
    onListening: @escaping @Sendable (SocketAddress) async -> Void = { _ in }
  ) throws(CenterError) {
    try self.init(
      center, options: options, authenticator: AnyAuthentication(CenterAccess(center), monitors),
      answers: CenterAnswers(center), further: further, logger: logger, random: random, ticks: ticks,
      onListening: onListening)
  }

  /// A server of `center` with other means of knowing callers and keeping answers.
  ///
  /// - Parameters:
  ///   - further: endpoints beside the ones of this module.
  ///   - random: makes request ids.
  ///   - ticks: nanoseconds of a clock that never goes back.
  ///   - onListening: is told the address, port and all, before the first connection is taken.
  /// - Throws: ``LicenseCenter/CenterError/Code/invalid`` for options that would send tokens over a network in clear.
  public init(
    _ center: Center, options: ServingOptions, authenticator: any Authenticating, answers: any AnswerKeeping,
    further: [Endpoint] = [], logger: Logger, random: any RandomSource,
    ticks: @escaping @Sendable () -> UInt64 = { NIODeadline.now().uptimeNanoseconds },
    onListening: @escaping @Sendable (SocketAddress) async -> Void = { _ in }
  ) throws(CenterError) {
    guard options.identity != nil || options.isBehindTLS || CenterServer.isLoopback(options.host) else {
      throw CenterError(
        .invalid, "Serving on \(options.host)",
        remedy: "Give a certificate, or say that something else does TLS, or listen on 127.0.0.1.")
    }
    let metrics = ServerMetrics()
    let limits = options.limits
    connections = ConnectionTable(limits)
    journal = Journal(logger: logger, metrics: metrics, random: random)
    let endpoints =
      OperationEndpoints.all(center, metrics, connections) + CenterEndpoints.all(center) + TitleEndpoints.all(center)
      + LoginEndpoints.all(center) + LicenseEndpoints.all(center) + RedemptionEndpoints.all(center)
      + CopyRightEndpoints.all(center) + ProvisionEndpoints.all(center) + further
    responder = Responder(
      routes: RouteTable(endpoints.describingThemselves(as: "Licence centre \(center.facts.name)")), limits: limits,
      authenticator: authenticator, answers: answers,
      buckets: TokenBuckets(perSecond: limits.requestsPerSecond, burst: limits.burst), journal: journal, ticks: ticks)
    self.options = options
    self.onListening = onListening
  }

  /// Serves until the task's graceful shutdown, or a signal where the options say so; then takes no more connections and
  /// returns when every request that was being served has its answer, or their time is over.
  public func run() async throws {
    let draining = Draining()
    let application = Application(
      responder: responder,
      server: HTTPServerBuilder { [options, connections, journal] responder in
        GuardedChannel(
          responder: responder, limits: options.limits, connections: connections, identity: options.identity,
          draining: draining, report: { journal.refuse($0) })
      },
      configuration: .init(address: .hostname(options.host, port: options.port), serverName: nil),
      onServerRunning: { [onListening] channel in
        if let address = channel.localAddress { await onListening(address) }
      },
      logger: journal.logger)
    var services: [any Service] = [application]
    if options.obeysSignals, let identity = options.identity {
      services.append(CertificateWatch(identity: identity, logger: journal.logger))
    }
    services.append(draining)
    var configuration = ServiceGroupConfiguration(
      services: services, gracefulShutdownSignals: options.obeysSignals ? [.sigterm, .sigint] : [],
      logger: journal.logger)
    configuration.maximumGracefulShutdownDuration = options.limits.drainTime
    try await ServiceGroup(configuration: configuration).run()
  }

  private static func isLoopback(_ host: String) -> Bool {
    host == "localhost" || host == "::1" || host.hasPrefix("127.")
  }
}

extension [Endpoint] {
  /// These, and one more that describes all of them, itself included.
  fileprivate func describingThemselves(as title: String) -> [Endpoint] {
    var description = Endpoint(
      .get, "/openapi.json", "getDocument", "This document.", access: .anyone,
      answer: .json(.anything, "OpenAPI 3.1.")
    ) { _ in .json([:]) }
    let all = self + [description]
    let document = OpenAPI.document(of: all, title: title)
    description.serve = { _ in .json(document) }
    return self + [description]
  }
}

/// Reads the certificate again on SIGHUP.
private struct CertificateWatch: Service {
  let identity: TLSIdentity
  let logger: Logger

  func run() async throws {
    for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
      do {
        try identity.reload()
        logger.info("certificate read again")
      } catch {
        logger.error("certificate kept", metadata: ["cause": .string(error.description)])
      }
    }
  }
}
