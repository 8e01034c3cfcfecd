import NIOCore

/// How much one client may ask of the server, and for how long: slow, huge and many requests harm nobody else.
public struct ServerLimits: Hashable, Sendable {
  /// The most octets of a request line and its header fields together.
  public var headerOctets = 16 * 1024
  /// The most header fields.
  public var headerFields = 64
  /// The most octets of a body.
  public var bodyOctets = 64 * 1024
  /// How long a new connection has to say hello, and a header to arrive from its first octet on.
  public var headerTime: Duration = .seconds(10)
  /// How long a whole request has to arrive, from its header on.
  public var requestTime: Duration = .seconds(30)
  /// How long a connection may do nothing between two requests.
  public var idleTime: Duration = .seconds(60)
  /// How long a client may take nothing of an answer that is waiting for it.
  public var stallTime: Duration = .seconds(30)
  /// How long a connection that is done for may take to take its last answer in.
  public var lingerTime: Duration = .seconds(1)
  /// The most connections at once.
  public var connections = 4096
  /// The most connections at once from one address.
  public var connectionsPerAddress = 256
  /// How many requests one address may make in a second, in the long run.
  public var requestsPerSecond = 200.0
  /// How many it may make at once after a pause.
  public var burst = 1000.0
  /// How much a host that relays to a card may ask for.
  public var relay = RelayLimits()
  /// How long requests that are being served have when the server stops.
  public var drainTime: Duration = .seconds(20)

  /// The usual ones.
  public init() {}
}

extension TimeAmount {
  init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    self = .nanoseconds(seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000)
  }
}
