import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes
import NIOSSL

/// How a connection is set up: TLS where there is a certificate, HTTP/1.1 with its limits, and the guard over it.
struct GuardedChannel: ServerChildChannel {
  typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

  let responder: HTTPChannelHandler.Responder
  let limits: ServerLimits
  let proxies: TrustedProxies
  let connections: ConnectionTable
  let identity: TLSIdentity?
  let draining: Draining
  let report: @Sendable (Problem) -> RefusedAnswer

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    let peer = IPAddress(channel.remoteAddress)
    let address = ClientAddress(peer)
    // A proxy comes with the connections of all of its clients.
    let refusal = connections.open(address, isProxy: peer.map(proxies.contains) ?? false)
    channel.closeFuture.whenComplete { [connections] _ in connections.close(address) }
    return channel.eventLoop.makeCompletedFuture {
      guard let identity else { return }
      try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: identity.context))
    }.flatMap {
      http(refusal).setup(channel: channel, logger: logger)
    }
  }

  func handle(value: Value, logger: Logger) async { await http(nil).handle(value: value, logger: logger) }

  private func http(_ refusal: Problem?) -> HTTP1Channel {
    HTTP1Channel(
      responder: responder,
      configuration: .init(
        additionalChannelHandlers: [ConnectionGuard(limits, refusal: refusal, draining: draining, report: report)],
        httpDecoderConfiguration: .init(
          maxHeaderFieldSize: limits.headerOctets, maxHeaderListSize: limits.headerOctets,
          maxHeaderFieldCount: limits.headerFields)))
  }
}
