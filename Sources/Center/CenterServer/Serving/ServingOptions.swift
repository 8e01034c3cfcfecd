/// Where and how the server listens.
public struct ServingOptions: Sendable {
  /// The address to listen on. Anything but this machine's own wants TLS.
  public var host = "127.0.0.1"
  /// The TCP port; 0 for any that is free.
  public var port = 8451
  /// The server's certificate; `nil` for plain HTTP.
  public var identity: TLSIdentity?
  /// Whether plain HTTP may leave this machine, because something else between here and the clients does TLS.
  public var isBehindTLS = false
  /// The proxies that are believed when they say, in `Forwarded` (RFC 7239) or `X-Forwarded-For`, whom they pass a request
  /// on for: limits are counted for those then, and no limit of connections for the proxies. Nobody else is believed.
  public var trustedProxies: [IPNetwork] = []
  /// How much one client may ask for.
  public var limits = ServerLimits()
  /// Whether the program stops on SIGTERM and SIGINT after what is being served, and reads its certificate again on
  /// SIGHUP.
  public var obeysSignals = false

  /// On loopback, plain.
  public init() {}

  /// Whether nothing that is served goes over a network in clear.
  public var isSafe: Bool { identity != nil || isBehindTLS || ServingOptions.isLoopback(host) }

  private static func isLoopback(_ host: String) -> Bool {
    host == "localhost" || host == "::1" || host.hasPrefix("127.")
  }
}
