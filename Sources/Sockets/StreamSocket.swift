import CLinux
import Glibc

/// One end of a connected stream socket.
///
/// One thread sends and receives; any other may ``interrupt()`` it. Nothing raises SIGPIPE.
public final class StreamSocket: Sendable {
  /// What it is connected to, or came in at.
  public let address: SocketAddress
  /// Its number, valid as long as this object lives.
  let descriptor: Int32
  private let isTCP: Bool

  /// Takes over a connected `descriptor`.
  init(_ descriptor: Int32, _ address: SocketAddress) {
    self.descriptor = descriptor
    self.address = address
    if case .tcp = address { isTCP = true } else { isTCP = false }
    // A frame leaves when it is there.
    if isTCP { warifu_set_no_delay(descriptor) }
  }

  deinit { close(descriptor) }

  /// Connects.
  ///
  /// - Parameter timeout: how long each address of a host may take; `nil` for as long as the system waits.
  /// - Throws: ``SocketError``.
  public static func connect(
    to address: SocketAddress, reach: SocketReach = .loopback, timeout: Duration? = nil
  ) throws(SocketError) -> StreamSocket {
    var failure = SocketError(.unknownHost, address)
    for candidate in try SystemAddress.resolve(address, isPassive: false) {
      guard reach == .anyHost || candidate.isLoopback else {
        failure = SocketError(.notLoopback, address)
        continue
      }
      do throws(SocketError) {
        return try connect(to: candidate, address, timeout)
      } catch {
        failure = error
      }
    }
    throw failure
  }

  private static func connect(
    to candidate: SystemAddress, _ address: SocketAddress, _ timeout: Duration?
  ) throws(SocketError) -> StreamSocket {
    let descriptor = warifu_stream_socket(candidate.family)
    guard descriptor >= 0 else { throw .last(address) }
    let stream = StreamSocket(descriptor, address)
    if timeout != nil { warifu_set_nonblocking(descriptor, 1) }
    if candidate.withPointer({ Glibc.connect(descriptor, $0, $1) }) != 0 {
      guard errno == EINPROGRESS || errno == EINTR else { throw .last(address) }
      try stream.waitUntilConnected(timeout)
    }
    if timeout != nil { warifu_set_nonblocking(descriptor, 0) }
    guard !stream.isItsOwnPeer else {
      stream.vacate()
      throw SocketError(.refused, address)
    }
    return stream
  }

  /// Whether TCP connected it to itself: where nobody listens, the system may choose the very port that is called as the
  /// caller's own, and then both ends are one (RFC 9293, 3.5, simultaneous open).
  var isItsOwnPeer: Bool {
    isTCP && endpoint(getsockname) == endpoint(getpeername)
  }

  private func endpoint(
    _ name: (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32
  ) -> [UInt8] {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    _ = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name(descriptor, $0, &length) }
    }
    return withUnsafeBytes(of: storage) { Array($0.prefix(Int(length))) }
  }

  /// Has the port free as soon as this object goes, for whoever is to listen there.
  private func vacate() {
    var abort = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &abort, socklen_t(MemoryLayout<linger>.size))
  }

  private func waitUntilConnected(_ timeout: Duration?) throws(SocketError) {
    guard try wait(for: Int16(POLLOUT), until: timeout.map { ContinuousClock.now + $0 }) else {
      throw SocketError(.timeout, address)
    }
    var reason: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &reason, &length) == 0 else { throw .last(address) }
    errno = reason
    guard reason == 0 else { throw .last(address) }
  }

  // MARK: Transfer

  /// Receives what is there, waiting for something if need be.
  ///
  /// On TCP the system acknowledges it at once. It would otherwise wait for an answer to ride on, up to 40 ms, and a peer
  /// that sends a frame's length and body apart keeps the body back until the length is acknowledged. The system forgets
  /// the wish after a while, so it is told every time.
  ///
  /// - Returns: how many octets came; 0 when the other end has closed, or after ``interrupt()``.
  public func receive(into buffer: UnsafeMutableRawBufferPointer) throws(SocketError) -> Int {
    while true {
      if isTCP { warifu_set_quick_acknowledgement(descriptor) }
      let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
      if count >= 0 { return count }
      guard errno == EINTR else { throw .last(address) }
    }
  }

  /// Sends all of `octets`, in one piece as far as the system has room.
  public func send(_ octets: RawSpan) throws(SocketError) {
    var sent = 0
    while sent < octets.byteCount {
      let count = octets.extracting(sent..<octets.byteCount).withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw .last(address) }
      sent += count
    }
  }

  /// Has ``receive(into:)`` throw ``SocketError/Code/timeout`` when nothing comes for so long.
  public func limitSilence(to duration: Duration) {
    let (seconds, attoseconds) = duration.components
    var limit = timeval(tv_sec: Int(clamping: seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  /// Ends the conversation for both ends: a thread that waits in ``receive(into:)`` or ``send(_:)`` returns.
  public func interrupt() { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }

  /// Waits for something to receive, or for the end.
  ///
  /// - Returns: `false` when there is nothing at the deadline.
  public func waitForInput(until deadline: ContinuousClock.Instant?) throws(SocketError) -> Bool {
    try wait(for: Int16(POLLIN), until: deadline)
  }

  private func wait(for events: Int16, until deadline: ContinuousClock.Instant?) throws(SocketError) -> Bool {
    while true {
      var entry = pollfd(fd: descriptor, events: events, revents: 0)
      let count = poll(&entry, 1, milliseconds(until: deadline))
      if count > 0 { return true }
      guard count == 0 || errno == EINTR else { throw .last(address) }
      if let deadline, ContinuousClock.now >= deadline { return false }
    }
  }
}

/// How long `poll` is to wait, rounded up; for ever without a deadline.
func milliseconds(until deadline: ContinuousClock.Instant?) -> Int32 {
  guard let deadline else { return -1 }
  let left = deadline - ContinuousClock.now
  guard left > .zero else { return 0 }
  return Int32(clamping: Int(min(left / .milliseconds(1), 1e9).rounded(.up)))
}
