import Cryptography
import ISCSI
import NIOCore
import Octets

/// One connection between NIO and the protocol: octets in, PDUs out, and when to read.
///
/// What leaves during one read event leaves together: small pieces are put into one buffer, data of the drive stay
/// where they are, and NIO writes all of it in as few system calls as it takes.
final class ConnectionHandler: ChannelInboundHandler, ConnectionOutlet {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// How long an initiator may take to close its end when the connection is over.
  private static let lingering = TimeAmount.seconds(1)

  private let node: TargetNode
  private let pool: BufferPool
  private var connection: TargetConnection?
  private var context: ChannelHandlerContext?
  /// Small pieces that were sent since the last data.
  private var small = ByteBuffer()
  /// What came and could not be taken yet.
  private var unread: ByteBuffer?
  private var isClosing = false
  /// Whether an event of this connection is being handled, at whose end all that was sent leaves.
  private var isHandling = false
  private var isFlushDue = false

  init(_ node: TargetNode, _ pool: BufferPool) {
    self.node = node
    self.pool = pool
  }

  // MARK: NIO's side

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelActive(context: ChannelHandlerContext) {
    guard let accepted = node.accept(self, now: ConnectionHandler.seconds) else {
      context.close(promise: nil)
      return
    }
    connection = accepted
    context.read()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var buffer = unwrapInboundIn(data)
    guard !isClosing else { return }
    isHandling = true
    if unread == nil { take(&buffer) } else { unread?.writeBuffer(&buffer) }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    isHandling = false
    flush()
    if unread == nil { context.read() }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    guard context.channel.isWritable, !isHandling, !isClosing else { return }
    isHandling = true
    connection?.resume()
    if var buffer = unread {
      unread = nil
      take(&buffer)
    }
    isHandling = false
    flush()
    if unread == nil { context.read() }
  }

  /// Gives the protocol what came, and keeps what it cannot take now.
  private func take(_ buffer: inout ByteBuffer) {
    guard let connection else { return }
    let taken = buffer.withUnsafeReadableBytes { connection.receive(RawSpan(_unsafeBytes: $0)) }
    buffer.moveReaderIndex(forwardBy: taken)
    if buffer.readableBytes > 0, !isClosing { unread = buffer }
  }

  func channelInactive(context: ChannelHandlerContext) {
    isClosing = true
    connection?.connectionLost()
    connection = nil
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // The initiator says nothing more: then there is nothing more to do for it.
    if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  /// A clock in seconds.
  static var seconds: UInt64 { NIODeadline.now().uptimeNanoseconds / 1_000_000_000 }

  // MARK: The protocol's side

  var localAddress: String { ConnectionHandler.text(context?.channel.localAddress) }

  var peerAddress: String { ConnectionHandler.text(context?.channel.remoteAddress) }

  var isCongested: Bool { context?.channel.isWritable == false }

  var octetsInUse: Int { pool.octetsInUse }

  func makeMemory(octets: Int) -> any TransferMemory {
    pool.make(octets: octets, context?.channel.allocator ?? ByteBufferAllocator())
  }

  func send(_ bytes: RawSpan) {
    guard !isClosing else { return }
    _ = bytes.withUnsafeBytes { small.writeBytes($0) }
    scheduleFlush()
  }

  func send(_ memory: any TransferMemory, _ range: Range<Int>) {
    guard !isClosing, let context, let memory = memory as? BufferMemory, let slice = memory.slice(range) else { return }
    writeSmall(context)
    // Until it has left, nobody else may have the memory.
    let promise = context.eventLoop.makePromise(of: Void.self)
    promise.futureResult.assumeIsolated().whenComplete { _ in withExtendedLifetime(memory) {} }
    context.write(wrapOutboundOut(slice), promise: promise)
    scheduleFlush()
  }

  func close() {
    guard !isClosing, let context else { return }
    isClosing = true
    connection = nil
    unread = nil
    writeSmall(context)
    let last = context.eventLoop.makePromise(of: Void.self)
    context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: last)
    // What was sent is to arrive: closing both ways at once could make the system throw it away. So the other side's
    // end is waited for, but not for long.
    let channel = context.channel
    last.futureResult.whenComplete { _ in channel.close(mode: .output, promise: nil) }
    channel.eventLoop.scheduleTask(in: ConnectionHandler.lingering) { channel.close(promise: nil) }
    context.read()
  }

  func update(_ digest: inout CRC32C, with bytes: RawSpan) {
    bytes.withUnsafeBytes { digest.update(byProcessor: $0) }
  }

  private func writeSmall(_ context: ChannelHandlerContext) {
    guard small.readableBytes > 0 else { return }
    context.write(wrapOutboundOut(small), promise: nil)
    small = context.channel.allocator.buffer(capacity: 1024)
  }

  /// Sees to it that what another connection, or time, made this one send leaves too.
  private func scheduleFlush() {
    guard !isHandling, !isFlushDue, let context else { return }
    isFlushDue = true
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    context.eventLoop.execute {
      bound.value.isFlushDue = false
      bound.value.flush()
    }
  }

  private func flush() {
    guard let context, !isClosing else { return }
    writeSmall(context)
    context.flush()
  }

  private static func text(_ address: SocketAddress?) -> String {
    guard let address, let host = address.ipAddress, let port = address.port else { return "unknown" }
    return address.protocol == .inet6 ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
