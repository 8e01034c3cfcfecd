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
/// Beside it, whoever has a webhook is told of every change.
public struct CenterServer: Service {
  private let options: ServingOptions
  private let journal: Journal
  private let responder: Responder
  private let connections: ConnectionTable
  private let courier: WebhookCourier
  private let relays: RelayDesk
  private let onListening: @Sendable (SocketAddress) async -> Void

  /// A server of `center`, whose callers log in at the centre and whose answers it keeps.
  ///
  /// - Parameters:
  ///   - monitors: callers with tokens of their own, such as a program that reads figures.
  ///   - counterReader: the reader in which the counter's page charges cards, if there is one.
  ///   - further: endpoints beside the ones of this module.
  ///   - random: makes request ids.
  ///   - ticks: nanoseconds of a clock that never goes back.
  ///   - onListening: is told the address, port and all, before the first connection is taken.
  /// - Throws: ``LicenseCenter/CenterError/Code/invalid`` for options that would send tokens over a network in clear.
  public init(
    _ center: Center, options: ServingOptions, monitors: FixedTokens = FixedTokens([]),
    counterReader: CounterReader? = nil, further: [Endpoint] = [], logger: Logger, random: any RandomSource,
    ticks: @escaping @Sendable () -> UInt64 = { NIODeadline.now().uptimeNanoseconds },
    onListening: @escaping @Sendable (SocketAddress) async -> Void = { _ in }
  ) throws(CenterError) {
    try self.init(
      center, options: options, authenticator: AnyAuthentication(CenterAccess(center), monitors),
      answers: CenterAnswers(center), counterReader: counterReader, further: further, logger: logger, random: random,
      ticks: ticks, onListening: onListening)
  }

  /// A server of `center` with other means of knowing callers and keeping answers.
  ///
  /// - Parameters:
  ///   - counterReader: the reader in which the counter's page charges cards, if there is one.
  ///   - further: endpoints beside the ones of this module.
  ///   - random: makes request ids.
  ///   - ticks: nanoseconds of a clock that never goes back.
  ///   - onListening: is told the address, port and all, before the first connection is taken.
  /// - Throws: ``LicenseCenter/CenterError/Code/invalid`` for options that would send tokens over a network in clear.
  public init(
    _ center: Center, options: ServingOptions, authenticator: any Authenticating, answers: any AnswerKeeping,
    counterReader: CounterReader? = nil, further: [Endpoint] = [], logger: Logger, random: any RandomSource,
    ticks: @escaping @Sendable () -> UInt64 = { NIODeadline.now().uptimeNanoseconds },
    onListening: @escaping @Sendable (SocketAddress) async -> Void = { _ in }
  ) throws(CenterError) {
    guard options.isSafe else {
      throw CenterError(
        .invalid, "Serving on \(options.host)",
        remedy: "Give a certificate, or say that something else does TLS, or listen on 127.0.0.1.")
    }
    let metrics = ServerMetrics()
    let center = center.observed(by: metrics)
    courier = WebhookCourier(center.webhooks, clock: center.clock, logger: logger)
    let limits = options.limits
    connections = ConnectionTable(limits)
    journal = Journal(logger: logger, metrics: metrics, random: random)
    relays = RelayDesk(limits.relay, random: random)
    let endpoints =
      OperationEndpoints.all(center, metrics, connections) + CenterEndpoints.all(center) + TitleEndpoints.all(center)
      + LoginEndpoints.all(center) + LicenseEndpoints.all(center) + SignInEndpoints.all(center)
      + RedemptionEndpoints.all(center) + CopyRightEndpoints.all(center) + ProvisionEndpoints.all(center)
      + CounterEndpoints.all(center) + ChargeEndpoints.all(center, relays) + further
    let isSecure = options.identity != nil || options.isBehindTLS
    let pages = PageResponder(
      table: PageTable(Pages.all(center, counterReader)), templates: try PageTemplates(),
      centerName: center.facts.name, bodyLimit: limits.bodyOctets,
      isSecure: isSecure, authenticator: authenticator, answers: answers,
      random: random)
    responder = Responder(
      routes: RouteTable(endpoints.describingThemselves(as: "Licence centre \(center.facts.name)")), pages: pages,
      limits: limits, authenticator: authenticator, answers: answers,
      buckets: TokenBuckets(perSecond: limits.requestsPerSecond, burst: limits.burst), journal: journal,
      isSecure: isSecure, proxies: TrustedProxies(options.trustedProxies), ticks: ticks)
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
          responder: responder, limits: options.limits, proxies: TrustedProxies(options.trustedProxies),
          connections: connections, identity: options.identity, draining: draining, report: { journal.refuse($0) })
      },
      configuration: .init(address: .hostname(options.host, port: options.port), serverName: nil),
      onServerRunning: { [onListening] channel in
        if let address = channel.localAddress { await onListening(address) }
      },
      logger: journal.logger)
    // The last one is the first to stop: what a request changes while the server drains may still be told of.
    var services: [any Service] = [courier, application]
    if options.obeysSignals, let identity = options.identity {
      let hangups = await UnixSignalsSequence(trapping: .sighup)
      services.append(CertificateWatch(hangups: hangups, identity: identity, logger: journal.logger))
    }
    services.append(draining)
    var configuration = ServiceGroupConfiguration(
      services: services, gracefulShutdownSignals: options.obeysSignals ? [.sigterm, .sigint] : [],
      logger: journal.logger)
    configuration.maximumGracefulShutdownDuration = options.limits.drainTime
    let group = ServiceGroup(configuration: configuration)
    do {
      try await group.run()
    } catch {
      await relays.close()
      throw error
    }
    await relays.close()
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
  /// Trapped already, before anybody hears that there is a server.
  let hangups: UnixSignalsSequence
  let identity: TLSIdentity
  let logger: Logger

  func run() async throws {
    for await _ in hangups.cancelOnGracefulShutdown() {
      do {
        try identity.reload()
        logger.info("certificate read again")
      } catch {
        logger.error("certificate kept", metadata: ["cause": .string(error.description)])
      }
    }
  }
}
