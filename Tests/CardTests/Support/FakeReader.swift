import Glibc
import Testing

/// A virtual reader as vpcd is one: it listens, and sends a frame's length and body apart, with Nagle's algorithm at work.
///
/// Nothing here is the code under test: plain system calls and octets.
final class FakeReader {
  let port: UInt16
  private let listener: Int32
  private var card: Int32 = -1

  /// A reader on a port of its own, or on one that another had.
  init(port: UInt16 = 0) throws {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var yes: Int32 = 1
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    let isListening = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(listener, address, length) == 0 && listen(listener, 0) == 0 && getsockname(listener, address, &length) == 0
      }
    }
    try #require(isListening)
    self.port = UInt16(bigEndian: address.sin_port)
  }

  deinit {
    hangUp()
    close(listener)
  }

  /// Waits for a card to connect; `false` when none came.
  func acceptCard(within milliseconds: Int32 = 60_000) -> Bool {
    var entry = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, milliseconds) == 1 else { return false }
    card = accept(listener, nil, nil)
    var limit = timeval(tv_sec: 120, tv_usec: 0)
    setsockopt(card, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    return card >= 0
  }

  /// Ends the conversation with the card.
  func hangUp() {
    if card >= 0 { close(card) }
    card = -1
  }

  /// Sends octets as they are.
  func sendRaw(_ octets: [UInt8]) {
    _ = send(card, octets, octets.count, Int32(MSG_NOSIGNAL))
  }

  /// Sends a frame as vpcd does, in two pieces.
  func sendFrame(_ body: [UInt8]) {
    sendRaw([UInt8(body.count >> 8), UInt8(body.count & 0xFF)])
    sendRaw(body)
  }

  /// The body of the next frame; `nil` when the card hung up.
  func receiveFrame() -> [UInt8]? {
    guard let length = receive(2) else { return nil }
    return receive(Int(length[0]) << 8 | Int(length[1]))
  }

  /// Sends a command and awaits the response.
  func transmit(_ command: [UInt8]) -> [UInt8]? {
    sendFrame(command)
    return receiveFrame()
  }

  /// Switches the card on and answers its ATR.
  func powerOn() -> [UInt8]? {
    sendFrame([1])
    return transmit([4])
  }

  private func receive(_ count: Int) -> [UInt8]? {
    var octets = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let part = octets.withUnsafeMutableBytes { recv(card, $0.baseAddress.map { $0 + done }, count - done, 0) }
      if part < 0, errno == EAGAIN { Issue.record("The card says nothing, and is still there.") }
      guard part > 0 else { return nil }
      done += part
    }
    return octets
  }
}
