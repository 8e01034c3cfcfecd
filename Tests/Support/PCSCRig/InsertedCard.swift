import Glibc
import ISO7816
import Synchronization

/// A card in a slot of vpcd, served on a thread of its own until it is ejected.
public final class InsertedCard: @unchecked Sendable {
  // The thread alone touches the card; the socket is closed after the thread has ended.
  private let card: any APDUTransport
  private let socket: Int32
  private let ended = Atomic(false)
  private var answerToReset: [UInt8]

  /// Connects to the slot's port on 127.0.0.1.
  public init(_ card: any APDUTransport, port: UInt16) throws {
    self.card = card
    answerToReset = try card.reset()
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw PrivateDaemonError("No slot listens on port \(port).") }
    var thread = pthread_t()
    let unmanaged = Unmanaged.passRetained(self)
    pthread_create(
      &thread, nil,
      {
        Unmanaged<InsertedCard>.fromOpaque($0!).takeRetainedValue().serve(); return nil
      }, unmanaged.toOpaque())
    pthread_detach(thread)
  }

  private func serve() {
    while let length = receive(2), let body = receive(Int(length[0]) << 8 | Int(length[1])) {
      guard let answer = answer(to: body) else { continue }
      let frame = [UInt8(answer.count >> 8), UInt8(answer.count & 0xFF)] + answer
      guard send(socket, frame, frame.count, Int32(MSG_NOSIGNAL)) == frame.count else { break }
    }
    ended.store(true, ordering: .releasing)
  }

  private func answer(to body: [UInt8]) -> [UInt8]? {
    switch body {
    case [0], []: return nil
    case [1], [2]:
      answerToReset = (try? card.reset()) ?? []
      return nil
    case [4]: return answerToReset
    default: return (try? card.transmit(body)) ?? [0x6F, 0x00]
    }
  }

  private func receive(_ count: Int) -> [UInt8]? {
    var octets: [UInt8] = []
    var on: Int32 = 1
    while octets.count < count {
      setsockopt(socket, Int32(IPPROTO_TCP), TCP_QUICKACK, &on, socklen_t(MemoryLayout<Int32>.size))
      var chunk = [UInt8](repeating: 0, count: count - octets.count)
      let got = recv(socket, &chunk, chunk.count, 0)
      guard got > 0 else { return nil }
      octets += chunk.prefix(got)
    }
    return octets
  }

  /// Pulls the card.
  public func eject() {
    shutdown(socket, Int32(SHUT_RDWR))
    while !ended.load(ordering: .acquiring) { usleep(200) }
    close(socket)
  }
}
