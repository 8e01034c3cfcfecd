import Cryptography
import LicenseCenter
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
import UnixSignals

/// A centre that is served as a program: the server with its courier of webhooks, housekeeping, and what the signals SIGTERM,
/// SIGINT and SIGHUP ask for.
public struct CenterHost: Sendable {
  /// Where it listens.
  public struct Place: Hashable, Sendable {
    /// The numeric address.
    public var address: String
    /// The TCP port.
    public var port: Int
    /// Whether it does TLS.
    public var isSecure: Bool

    /// As a URL.
    public var url: String {
      "\(isSecure ? "https" : "http")://\(address.contains(":") ? "[\(address)]" : address):\(port)"
    }
  }

  /// What brought it to its end.
  public enum Ending: Hashable, Sendable {
    /// SIGTERM.
    case terminated
    /// SIGINT.
    case interrupted
  }

  private let center: Center
  private let collectsPayments: Bool
  private let manager: ServiceManager?
  private let logger: Logger
  private let options: ServingOptions
  private let server: CenterServer

  /// A centre to be served.
  ///
  /// - Parameters:
  ///   - monitors: callers with tokens of their own, such as a program that reads figures.
  ///   - counterReader: the reader in which the counter's page charges cards, if there is one.
  ///   - further: endpoints beside the server's own.
  ///   - collectsPayments: whether the centre was opened with a payment processor.
  ///   - manager: who is told when it is ready, stops, and lives.
  ///   - onListening: is told where, before the first connection is taken.
  /// - Throws: ``LicenseCenter/CenterError/Code/invalid`` for options that would send tokens over a network in clear.
  public init(
    _ center: Center, options: ServingOptions, monitors: FixedTokens = FixedTokens([]),
    counterReader: CounterReader? = nil, further: [Endpoint] = [],
    collectsPayments: Bool = false, manager: ServiceManager? = nil, logger: Logger,
    random: any RandomSource, onListening: @escaping @Sendable (Place) -> Void = { _ in }
  ) throws(CenterError) {
    self.center = center
    self.collectsPayments = collectsPayments
    self.manager = manager
    self.logger = logger
    var options = options
    // One place hears the signals.
    options.obeysSignals = false
    self.options = options
    let isSecure = options.identity != nil
    server = try CenterServer(
      center, options: options, monitors: monitors, counterReader: counterReader, further: further, logger: logger,
      random: random,
      onListening: { address in
        guard let name = address.ipAddress, let port = address.port else { return }
        let place = Place(address: name, port: port, isSecure: isSecure)
        onListening(place)
        manager?.tell(.ready("Serving at \(place.url)"))
      })
  }

  /// Serves until SIGTERM or SIGINT: then takes no more connections, gives every request that is being served its answer
  /// as far as the time for it goes, lets the courier and the housekeeping finish what they have begun, and returns. The
  /// same signal again ends all of it at once.
  ///
  /// - Throws: ``ListeningFailure`` when it cannot listen there.
  public func run() async throws -> Ending {
    // Before anybody can be told that this serves: whoever hears that may send one at once, and it would kill.
    let heard = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
    let signals = SignalDesk(heard, identity: options.identity, manager: manager, logger: logger)
    // They are asked to end from the last to the first.
    var services: [any Service] = [
      signals, Housekeeping(center, collectsPayments: collectsPayments, logger: logger),
    ]
    if let manager, let time = manager.watchdogTime {
      services.append(Watchdog(center: center, manager: manager, time: time))
    }
    services.append(server)
    var configuration = ServiceGroupConfiguration(services: services, logger: logger)
    // The server keeps to its own time, and a message that is on its way to a receiver has 15 seconds.
    configuration.maximumGracefulShutdownDuration = options.limits.drainTime + .seconds(20)
    let group = ServiceGroup(configuration: configuration)
    signals.end = { await group.triggerGracefulShutdown() }
    do {
      try await group.run()
    } catch let error as SignalDesk.Impatience {
      return error.ending
    } catch {
      throw ListeningFailure(error, host: options.host, port: options.port) ?? error
    }
    return signals.ending ?? .terminated
  }
}

/// The server cannot listen where it was told to.
public struct ListeningFailure: Error, Hashable, Sendable {
  /// Where.
  public var host: String
  /// Where.
  public var port: Int
  /// The system's number for why (errno); 0 when the host's name is unknown.
  public var code: Int32

  init?(_ error: any Error, host: String, port: Int) {
    switch error {
    case let error as IOError: code = error.errnoCode
    case is SocketAddressError, is SocketAddressError.UnknownHost: code = 0
    default: return nil
    }
    (self.host, self.port) = (host, port)
  }
}

/// Hears signals for the whole group.
final class SignalDesk: Service {
  /// Somebody does not want to wait.
  struct Impatience: Error { var ending: CenterHost.Ending }

  private struct State {
    var ending: CenterHost.Ending?
    var end: @Sendable () async -> Void = {}
  }

  private let signals: UnixSignalsSequence
  private let identity: TLSIdentity?
  private let manager: ServiceManager?
  private let logger: Logger
  private let state = Mutex(State())

  /// - Parameter signals: those that it hears; they are trapped already.
  init(_ signals: UnixSignalsSequence, identity: TLSIdentity?, manager: ServiceManager?, logger: Logger) {
    self.signals = signals
    self.identity = identity
    self.manager = manager
    self.logger = logger
  }

  /// What the first signal that ends asked for.
  var ending: CenterHost.Ending? { state.withLock { $0.ending } }

  /// Has everybody end.
  var end: @Sendable () async -> Void {
    get { state.withLock { $0.end } }
    set { state.withLock { $0.end = newValue } }
  }

  func run() async throws {
    for await signal in signals.cancelOnGracefulShutdown() {
      switch signal {
      case .sighup: reload()
      default: try await stop(signal == .sigint ? .interrupted : .terminated)
      }
    }
  }

  private func stop(_ asked: CenterHost.Ending) async throws {
    let isFirst = state.withLock { state in
      defer { state.ending = state.ending ?? asked }
      return state.ending == nil
    }
    guard isFirst else { throw Impatience(ending: asked) }
    logger.info("stopping")
    manager?.tell(.stopping)
    await end()
  }

  private func reload() {
    guard let identity else { return logger.info("nothing to read again") }
    manager?.tell(.reloading)
    defer { manager?.tell(.ready("Serving")) }
    do {
      try identity.reload()
      logger.info("certificate read again")
    } catch {
      logger.error("certificate kept", metadata: ["cause": .string(error.description)])
    }
  }
}
