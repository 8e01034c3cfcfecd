import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOSSL

/// Stands between the parser of one connection and the server: sees to it that requests arrive in time, answers what is no
/// request with a problem, and closes so that the client can still read its last answer.
///
/// Everything here runs on the connection's event loop.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  /// What is arriving.
  private enum Arrival {
    /// Nothing since the last request, or since the connection was opened.
    case nothing
    /// A header: some of its octets are here.
    case header
    /// A body.
    case body
  }

  private let limits: ServerLimits
  private let refusal: Problem?
  private let draining: Draining
  private let report: @Sendable (Problem) -> RefusedAnswer

  private var arrival = Arrival.nothing
  private var sawPart = false
  /// Requests whose header is here and whose answer is not all written.
  private var unanswered = 0
  private var isAnswering = false
  private var closesAfterAnswer = false
  /// The client said that it sends no other request.
  private var isLast = false
  private var isQuiescing = false
  /// What is to be answered as soon as the requests before it are.
  private var pending: Problem?
  /// Nothing more is read or written; the client may take in what it was sent.
  private var isLingering = false
  private var timer: Scheduled<Void>?
  private var stall: Scheduled<Void>?

  /// - Parameters:
  ///   - refusal: why this connection gets nothing else, if it does.
  ///   - draining: whether the server is stopping, which answers say before their connection hears of it.
  ///   - report: counts a problem that no endpoint saw, and makes its answer.
  init(
    _ limits: ServerLimits, refusal: Problem?, draining: Draining,
    report: @escaping @Sendable (Problem) -> RefusedAnswer
  ) {
    self.limits = limits
    self.draining = draining
    self.refusal = refusal
    self.report = report
  }

  func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { begin(context) }
  }

  func handlerRemoved(context: ChannelHandlerContext) { cancelTimers() }

  func channelActive(context: ChannelHandlerContext) {
    context.fireChannelActive()
    begin(context)
  }

  func channelInactive(context: ChannelHandlerContext) {
    cancelTimers()
    context.fireChannelInactive()
  }

  private func begin(_ context: ChannelHandlerContext) {
    guard timer == nil, !isLingering else { return }
    if let refusal { return refuse(refusal, context) }
    schedule(limits.headerTime, context) { $1.close(promise: nil) }
  }
}

// MARK: What arrives

extension ConnectionGuard {
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isLingering, pending == nil else { return }
    sawPart = true
    switch unwrapInboundIn(data) {
    case .head(let request):
      unanswered += 1
      isLast = request.headerFields[.connection]?.lowercased() == "close"
      arrival = .body
      schedule(limits.requestTime, context) { $0.refuse(.tooSlowRequest, $1) }
    case .body: break
    case .end:
      arrival = .nothing
      cancelTimer()
    }
    context.fireChannelRead(data)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    // Octets that made no part yet are the beginning of a header.
    if !sawPart, arrival == .nothing, unanswered == 0, pending == nil, !isLingering {
      arrival = .header
      schedule(limits.headerTime, context) { $0.refuse(.tooSlowRequest, $1) }
    }
    sawPart = false
    context.fireChannelReadComplete()
    if isLingering { context.read() }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch error {
    case is IOError, is ChannelError, is NIOSSLError, is BoringSSLError, is NIOSSLExtraError:
      context.fireErrorCaught(error)
      context.close(promise: nil)
    case HTTPParserError.headerOverflow: refuse(Problem(.headerTooLarge, "Send less in the header."), context)
    default: refuse(Problem(.malformed, "Send requests of HTTP/1.1 as RFC 9112 has them."), context)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is ChannelShouldQuiesceEvent { isQuiescing = true }
    if isLingering, case ChannelEvent.inputClosed = event { return finish(context) }
    context.fireUserInboundEventTriggered(event)
  }
}

// MARK: What is answered

extension ConnectionGuard {
  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard !isLingering else {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    switch unwrapOutboundIn(data) {
    case .head(var response):
      guard response.status.kind != .informational else { return context.write(data, promise: promise) }
      isAnswering = true
      // What is left of a request that was answered early is not read: it may be endless.
      closesAfterAnswer =
        isQuiescing || draining.hasBegun || isLast && unanswered == 1 || arrival == .body && unanswered == 1
      if closesAfterAnswer { response.headerFields[.connection] = "close" }
      context.write(wrapOutboundOut(.head(response)), promise: promise)
    case .body:
      context.write(data, promise: promise)
    case .end:
      isAnswering = false
      unanswered -= 1
      context.writeAndFlush(data, promise: promise)
      answered(context)
    }
  }

  private func answered(_ context: ChannelHandlerContext) {
    if let pending, unanswered == (arrival == .body ? 1 : 0) {
      answer(pending, context)
    } else if closesAfterAnswer {
      linger(context)
    } else if unanswered == 0, arrival == .nothing, pending == nil {
      schedule(limits.idleTime, context) { $1.close(promise: nil) }
    }
  }

  /// Answers a request that the server never gets to see whole, after those that came before it.
  private func refuse(_ problem: Problem, _ context: ChannelHandlerContext) {
    guard !isLingering, pending == nil else { return }
    cancelTimer()
    pending = problem
    if unanswered == (arrival == .body ? 1 : 0) { answer(problem, context) }
  }

  private func answer(_ problem: Problem, _ context: ChannelHandlerContext) {
    // Half an answer is out already: no other can follow it.
    guard !isAnswering else { return context.close(promise: nil) }
    let answer = report(problem)
    context.write(wrapOutboundOut(.head(answer.head)), promise: nil)
    context.write(wrapOutboundOut(.body(ByteBuffer(bytes: answer.body))), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    linger(context)
    // Whoever waits for the rest of the request waits in vain.
    context.fireErrorCaught(ChannelError.inputClosed)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    stall?.cancel()
    stall = nil
    if !context.channel.isWritable {
      stall = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(limits.stallTime)) {
        context.close(promise: nil)
      }
    }
    context.fireChannelWritabilityChanged()
  }
}

// MARK: How it ends

extension ConnectionGuard {
  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    guard !isLingering else {
      context.channel.closeFuture.cascade(to: promise)
      return
    }
    if mode == .output { return linger(context, promise) }
    context.close(mode: mode, promise: promise)
  }

  /// Says that nothing more will come, and takes what still arrives away unread: closing over it would make the system
  /// take back what the client has not read yet (RFC 9112 §9.6).
  private func linger(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>? = nil) {
    guard !isLingering else { return }
    isLingering = true
    context.close(mode: .output, promise: promise)
    schedule(limits.lingerTime, context) { $0.finish($1) }
    context.read()
  }

  private func finish(_ context: ChannelHandlerContext) {
    cancelTimers()
    context.close(mode: .all, promise: nil)
  }

  private func schedule(
    _ time: Duration, _ context: ChannelHandlerContext,
    _ body: @escaping (ConnectionGuard, ChannelHandlerContext) -> Void
  ) {
    cancelTimer()
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(time)) {
      self.timer = nil
      body(self, context)
    }
  }

  private func cancelTimer() {
    timer?.cancel()
    timer = nil
  }

  private func cancelTimers() {
    cancelTimer()
    stall?.cancel()
    stall = nil
  }
}

extension Problem {
  fileprivate static let tooSlowRequest = Problem(.tooSlow, "Send it again, all at once.")
}

/// The answer to what no endpoint saw.
struct RefusedAnswer: Sendable {
  var head: HTTPResponse
  var body: [UInt8]
}
