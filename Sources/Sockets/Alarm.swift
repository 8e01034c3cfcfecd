import CLinux
import Glibc

/// Wakes a thread that waits: it rings until it is silenced.
public final class Alarm: Sendable {
  private let bell: Int32
  private let address: SocketAddress

  /// A silent alarm for who waits at `address`.
  ///
  /// - Throws: ``SocketError`` when the process has too many files open.
  public init(at address: SocketAddress) throws(SocketError) {
    self.address = address
    bell = warifu_eventfd()
    guard bell >= 0 else { throw .last(address) }
  }

  deinit { close(bell) }

  /// Rings.
  public func ring() {
    var one: UInt64 = 1
    _ = write(bell, &one, 8)
  }

  /// Ends the ringing.
  public func silence() {
    var count: UInt64 = 0
    _ = read(bell, &count, 8)
  }

  /// Sleeps until it rings, or the time is up; `nil` for no limit.
  public func sleep(_ duration: Duration?) {
    _ = try? wait(until: duration.map { ContinuousClock.now + $0 }, orInputAt: -1)
  }

  /// Sleeps until it rings, or the other end of `socket` says something or hangs up.
  public func sleep(whileQuiet socket: StreamSocket) {
    _ = try? wait(orInputAt: socket.descriptor)
  }

  /// Sleeps until it rings, or there is something to read at one of these descriptors.
  public func wait(orInputAt descriptors: [Int32?]) {
    var entries = ([bell] + descriptors.compactMap(\.self)).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    while poll(&entries, nfds_t(entries.count), -1) < 0, errno == EINTR {}
  }

  /// Waits for input at a descriptor.
  ///
  /// - Returns: `false` when the alarm rings.
  func wait(
    until deadline: ContinuousClock.Instant? = nil, orInputAt descriptor: Int32
  ) throws(SocketError) -> Bool {
    while true {
      var entries = (
        pollfd(fd: bell, events: Int16(POLLIN), revents: 0), pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      )
      let count = withUnsafeMutablePointer(to: &entries) { pointer in
        pointer.withMemoryRebound(to: pollfd.self, capacity: 2) { poll($0, 2, milliseconds(until: deadline)) }
      }
      if count > 0 { return entries.0.revents == 0 }
      guard count == 0 || errno == EINTR else { throw .last(address) }
      if let deadline, ContinuousClock.now >= deadline { return false }
    }
  }
}
