import Cryptography
import DiscEmulator
import Glibc
import ISCSI
import NIOCore
import NIOPosix
import Synchronization

/// A drive over iSCSI (RFC 7143): any operating system's initiator can attach it.
///
/// One thread serves all connections: the drive does one command at a time anyway.
public final class ISCSITarget: Sendable {
  /// What a target is called, where it listens, and whom it lets in.
  public struct Configuration: Sendable {
    /// Its name, `iqn.…` or `eui.…`.
    public var name: String
    /// The address to listen at. By default only programs on this machine can connect.
    public var host = "127.0.0.1"
    /// The port to listen at; 0 for any.
    public var port: UInt16 = 3260
    /// What initiators must prove; `nil` lets in everybody who can connect.
    public var credentials: CHAPCredentials?
    /// What the target proves to initiators that ask (mutual CHAP).
    public var mutual: CHAPCredentials?
    /// What it grants to strangers.
    public var limits = TargetLimits()

    /// The usual configuration under a name.
    public init(name: String) { self.name = name }
  }

  private let drive: SharedDrive
  private let configuration: Configuration
  private let random: any RandomSource
  private let log: @Sendable (TargetEvent) -> Void
  private let running = Mutex<Running?>(nil)

  /// What belongs to the target's thread.
  private struct Served {
    let node: TargetNode
    let pool: BufferPool
  }

  /// What there is while the target runs.
  private struct Running: Sendable {
    let group: MultiThreadedEventLoopGroup
    let listener: any Channel
    let served: NIOLoopBound<Served>
    let clock: RepeatedTask
  }

  /// A target that does not listen yet.
  ///
  /// - Parameters:
  ///   - drive: what it serves, at LUN 0.
  ///   - random: where challenges come from.
  ///   - log: told of what happens, on the target's thread.
  public init(
    serving drive: SharedDrive, configuration: Configuration, random: any RandomSource = SystemRandom(),
    log: @escaping @Sendable (TargetEvent) -> Void = { _ in }
  ) {
    self.drive = drive
    self.configuration = configuration
    self.random = random
    self.log = log
  }

  deinit { stop() }

  /// Whether only programs on this machine can connect.
  public static func isLoopback(_ host: String) -> Bool {
    host == "localhost" || host == "::1"
      || (host.hasPrefix("127.") && host.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2E })
  }

  /// Begins to listen.
  ///
  /// - Returns: the port.
  public func start() throws(ISCSITargetError) -> UInt16 {
    let keeper = try makeKeeper()
    guard ISCSITarget.isName(configuration.name) else { throw .badName(configuration.name) }
    return try running.withLock { (running) throws(ISCSITargetError) in
      guard running == nil else { throw .isRunning }
      let started = try listen(keeper)
      running = started
      return UInt16(clamping: started.listener.localAddress?.port ?? 0)
    }
  }

  /// Tells all initiators, ends all connections and stops listening. Nothing is left running when it returns.
  ///
  /// Not from within `log`.
  public func stop() {
    guard let ending = running.withLock({ $0.take() }) else { return }
    try? ending.listener.close().wait()
    let served = ending.served
    try? served.eventLoop.submit {
      ending.clock.cancel()
      served.value.node.stop()
    }.wait()
    // Closes what still lingers.
    try? ending.group.syncShutdownGracefully()
  }

  private func makeKeeper() throws(ISCSITargetError) -> CHAPKeeper? {
    guard let credentials = configuration.credentials else {
      if configuration.mutual != nil { throw .mutualAlone }
      return nil
    }
    if let mutual = configuration.mutual, mutual.hasSameSecret(as: credentials) { throw .sameSecret }
    return CHAPKeeper(initiator: credentials, target: configuration.mutual, random: random)
  }

  private func listen(_ keeper: CHAPKeeper?) throws(ISCSITargetError) -> Running {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    do {
      let served = try loop.submit { [self] in
        let node = TargetNode(
          name: configuration.name, device: ServedDrive(drive), limits: configuration.limits, authority: keeper,
          report: log)
        return NIOLoopBound(Served(node: node, pool: BufferPool()), eventLoop: loop)
      }.wait()
      let listener = try ServerBootstrap(group: group)
        .serverChannelOption(.backlog, value: 64)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(
              ConnectionHandler(served.value.node, served.value.pool))
          }
        }
        .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        .childChannelOption(.autoRead, value: false)
        .childChannelOption(.allowRemoteHalfClosure, value: true)
        .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 512 << 10))
        .childChannelOption(
          .writeBufferWaterMark, value: ChannelOptions.Types.WriteBufferWaterMark(low: 256 << 10, high: 1 << 20)
        )
        .bind(host: configuration.host, port: Int(configuration.port))
        .wait()
      let clock = loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
        served.value.node.tick(ConnectionHandler.seconds)
      }
      return Running(group: group, listener: listener, served: served, clock: clock)
    } catch {
      try? group.syncShutdownGracefully()
      throw .cannotListen(host: configuration.host, port: configuration.port, reason: ISCSITarget.words(error))
    }
  }

  /// Why listening failed, for people: NIO's own words name its functions.
  private static func words(_ error: any Error) -> String {
    switch error {
    case let error as IOError: String(cString: strerror(error.errnoCode))
    case is SocketAddressError, is SocketAddressError.UnknownHost: "there is no such address or name"
    default: "\(error)"
    }
  }

  /// Whether a text is an iSCSI name (RFC 7143, 4.2.7): a known kind, and characters that need no preparation.
  static func isName(_ name: String) -> Bool {
    guard (5...223).contains(name.utf8.count) else { return false }
    guard ["iqn.", "eui.", "naa."].contains(where: name.hasPrefix) else { return false }
    return name.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x2D...0x3A).contains($0) && $0 != 0x2F }
  }
}
