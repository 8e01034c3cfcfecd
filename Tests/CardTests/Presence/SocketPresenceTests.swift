import CardDriver
import CardEmulator
import Cryptography
import Glibc
import ISO7816
import Testing
import card_rig

@testable import Sockets

/// A card that listens, and the transport that calls it.
@Suite struct SocketPresenceTests {
  private static let status: [UInt8] = [0x80, 0xCA, 0x00, 0x66, 0x00]

  private func blankCard() throws -> EmulatedCard {
    try EmulatedCard.inMemory(profile: Specimen.smallest, random: SeededRandom(seed: 6)).card
  }

  /// A card that listens at a port of its own, and where that is.
  private func listeningCard(
    _ card: EmulatedCard, faults: LineFaults = LineFaults(), _ log: EventLog = EventLog()
  ) throws -> (CardInsertion, SocketAddress) {
    let insertion = try CardInsertion(card, into: .tcp(host: "127.0.0.1", port: 0), faults: faults, log: log.add)
    try insertion.start()
    return (insertion, try #require(insertion.listeningAddress))
  }

  private func error(_ body: () throws -> Void) -> CardTransportError? {
    do { try body() } catch { return error as? CardTransportError }
    return nil
  }

  // MARK: The same card over every way

  @Test(arguments: [true, false])
  func wholeSessions(overUnixSocket: Bool) throws {
    try withTemporaryFolder { folder in
      let address: PresenceAddress =
        overUnixSocket ? .unixSocket(path: folder + "/card") : .tcp(host: "127.0.0.1", port: 0)
      let card = try Specimen.inMemory(profile: Specimen.smallest)
      let insertion = try CardInsertion(card, into: address)
      try insertion.start()
      defer { insertion.stop() }
      let transport = try SocketTransport(connectingTo: try #require(insertion.listeningAddress))
      #expect(try transport.reset() == card.answerToReset.octets)
      var session = try Specimen.administration(CardConnection(transport))
      _ = try session.storeData(try Specimen.charge(2, count: 1))
      #expect(try WarifuCard(CardConnection(transport)).status().codeCount == 3)
      #expect(transport.limits == .wide)
    }
  }

  @Test func nextCallerWaitsAndInheritsNothing() throws {
    let (insertion, address) = try listeningCard(try Specimen.inMemory(profile: Specimen.smallest))
    defer { insertion.stop() }
    var first: SocketTransport? = try SocketTransport(connectingTo: address)
    _ = try first?.reset()
    let pin = Array(Specimen.pin.utf8) + [UInt8](repeating: 0xFF, count: 4)
    #expect(try first?.transmit([0x00, 0x20, 0x00, 0x81, 0x08] + pin) == [0x90, 0x00])
    let second = try SocketTransport(connectingTo: address, timeout: .milliseconds(300))
    #expect(error { _ = try second.reset() }?.code == .timeout)
    first = nil
    let third = try SocketTransport(connectingTo: address)
    _ = try third.reset()
    #expect(try third.transmit([0x00, 0x20, 0x00, 0x81]).first == 0x63)
  }

  @Test func ejectedAndInsertedAgain() throws {
    let (insertion, address) = try listeningCard(try blankCard())
    defer { insertion.stop() }
    let transport = try SocketTransport(connectingTo: address)
    _ = try transport.reset()
    insertion.eject()
    let lost = error { for _ in 0..<1_000 { _ = try transport.transmit(Self.status) } }
    #expect(lost?.code == .cardRemoved && lost?.cardMayHaveChanged == true)
    let unready = error { _ = try transport.transmit(Self.status) }
    #expect(unready?.code == .unavailable && unready?.cardMayHaveChanged == false)
    insertion.insert()
    _ = try transport.reset()
    #expect(try transport.transmit(Self.status).suffix(2) == [0x90, 0x00])
  }

  // MARK: Failures

  @Test func nobodyListens() throws {
    try withTemporaryFolder { folder in
      for address in [SocketAddress.unix(path: folder + "/none"), .tcp(host: "127.0.0.1", port: try FakeReader().port)]
      {
        let failure = error { _ = try SocketTransport(connectingTo: address) }
        #expect(failure?.code == .unavailable && failure?.cardMayHaveChanged == false, "\(address)")
      }
    }
    let away = error { _ = try SocketTransport(connectingTo: .tcp(host: "192.0.2.1", port: 7_816)) }
    #expect(away?.code == .unavailable && away?.remedy.contains("not on this machine") == true)
  }

  @Test func hangingCardTakesTheTimeout() throws {
    let log = EventLog()
    let (insertion, address) = try listeningCard(
      try blankCard(), faults: LineFaults([.init(.hang, .at(2))]), log)
    defer { insertion.stop() }
    let transport = try SocketTransport(connectingTo: address, timeout: .seconds(3))
    _ = try transport.reset()
    _ = try transport.transmit(Self.status)
    let late = error { _ = try transport.transmit(Self.status) }
    #expect(late?.code == .timeout && late?.cardMayHaveChanged == true)
    #expect(log.wait(for: .hanging))
    // A late answer is never taken for the next one: the line is a new one.
    _ = try transport.reset()
    #expect(try transport.transmit(Self.status).suffix(2) == [0x90, 0x00])
  }

  @Test func lateAnswerIsNotTheNextOne() throws {
    let (insertion, address) = try listeningCard(
      try blankCard(), faults: LineFaults([.init(.delay(.seconds(6)), .at(1))]))
    defer { insertion.stop() }
    let transport = try SocketTransport(connectingTo: address, timeout: .seconds(2))
    _ = try transport.reset()
    #expect(error { _ = try transport.transmit(Self.status) }?.code == .timeout)
    #expect(error { _ = try transport.transmit([0x00, 0xFF, 0x00, 0x00]) }?.code == .unavailable)
    let patient = try SocketTransport(connectingTo: address)
    _ = try patient.reset()
    #expect(try patient.transmit([0x00, 0xFF, 0x00, 0x00]) == [0x6D, 0x00])
  }

  @Test(arguments: [
    (LineFaults.Fault.pull, CardTransportError.Code.cardRemoved), (.truncate(octets: 0), .unresponsive),
    (.truncate(octets: 1), .unresponsive),
  ])
  func whatFaultsLookLike(_ fault: LineFaults.Fault, _ code: CardTransportError.Code) throws {
    let (insertion, address) = try listeningCard(try blankCard(), faults: LineFaults([.init(fault, .at(1))]))
    defer { insertion.stop() }
    let transport = try SocketTransport(connectingTo: address)
    _ = try transport.reset()
    let failure = error { _ = try transport.transmit(Self.status) }
    #expect(failure?.code == code && failure?.cardMayHaveChanged == true)
    _ = try transport.reset()
    #expect(try transport.transmit(Self.status).suffix(2) == [0x90, 0x00])
  }

  @Test func commandsThatNoFrameCarries() throws {
    let (insertion, address) = try listeningCard(try blankCard())
    defer { insertion.stop() }
    let transport = try SocketTransport(connectingTo: address)
    _ = try transport.reset()
    for command in [[0x00], [UInt8](repeating: 0, count: 65_536)] {
      let failure = error { _ = try transport.transmit(command) }
      #expect(failure?.code == .protocolViolation && failure?.cardMayHaveChanged == false)
    }
    #expect(try transport.transmit([]) == [0x67, 0x00])
  }

  @Test func cancelledBetweenCommands() throws {
    let (insertion, address) = try listeningCard(try blankCard())
    defer { insertion.stop() }
    let cancellation = Cancellation()
    let transport = try SocketTransport(connectingTo: address, cancellation: cancellation)
    _ = try transport.reset()
    cancellation.cancel()
    for body in [{ _ = try transport.transmit(Self.status) }, { _ = try transport.reset() }] {
      let failure = error(body)
      #expect(failure?.code == .cancelled && failure?.cardMayHaveChanged == false)
    }
  }

  // MARK: The socket's file

  @Test func unixSocketIsItsOwnersAloneAndGoes() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/card"
      let insertion = try CardInsertion(try blankCard(), into: .unixSocket(path: path))
      var status = stat()
      #expect(lstat(path, &status) == 0 && status.st_mode & 0o777 == 0o600 && status.st_mode & S_IFMT == S_IFSOCK)
      #expect(throws: SocketError(.inUse, .unix(path: path))) {
        try CardInsertion(try blankCard(), into: .unixSocket(path: path))
      }
      try insertion.start()
      insertion.stop()
      #expect(access(path, F_OK) != 0)
    }
  }

  @Test func abandonedSocketIsReplacedAndAFileIsNot() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/card"
      let abandoned = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
      let isBound = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(abandoned, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
        }
      }
      try #require(isBound)
      close(abandoned)
      var insertion: CardInsertion? = try CardInsertion(try blankCard(), into: .unixSocket(path: path))
      withExtendedLifetime(insertion) {}
      insertion = nil
      #expect(access(path, F_OK) != 0)
      try write([1], to: path)
      #expect(throws: SocketError(.inUse, .unix(path: path))) {
        try CardInsertion(try blankCard(), into: .unixSocket(path: path))
      }
      #expect(try content(of: path) == [1])
    }
  }

  /// A socket that hears nobody still has somebody behind it, and nobody is kept waiting by it.
  @Test(.timeLimit(.minutes(60))) func fullSocketIsInUse() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/card"
      let busy = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(busy) }
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
      let isListening = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(busy, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0 && listen(busy, 0) == 0
        }
      }
      try #require(isListening)
      let waiting = try StreamSocket.connect(to: .unix(path: path))
      #expect(throws: SocketError(.timeout, .unix(path: path))) {
        _ = try StreamSocket.connect(to: .unix(path: path), timeout: .zero)
      }
      #expect(throws: SocketError(.inUse, .unix(path: path))) { try ListeningSocket(at: .unix(path: path)) }
      withExtendedLifetime(waiting) {}
    }
  }

  /// TCP connects a socket to itself when it calls the port that it has.
  @Test func connectionToItselfIsSeen() throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isConnected = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
          && connect(descriptor, $0, length) == 0
      }
    }
    let place = SocketAddress.tcp(host: "127.0.0.1", port: UInt16(bigEndian: address.sin_port))
    let own = StreamSocket(descriptor, place)
    #expect(isConnected && own.isItsOwnPeer)
    let listener = try ListeningSocket(at: .tcp(host: "127.0.0.1", port: 0))
    #expect(try !StreamSocket.connect(to: listener.address).isItsOwnPeer)
  }

  // MARK: Addresses

  @Test func addressesAsText() {
    #expect(SocketAddress("127.0.0.1:7816") == .tcp(host: "127.0.0.1", port: 7_816))
    #expect(SocketAddress("[::1]:7816") == .tcp(host: "::1", port: 7_816))
    #expect(SocketAddress("/run/card:1") == .unix(path: "/run/card:1"))
    #expect(SocketAddress("card") == .unix(path: "card"))
    for text in ["", ":1", "host:", "host:65536", "host:x", "::1:5", "a\0b"] { #expect(SocketAddress(text) == nil) }
    for text in ["127.0.0.1:1", "[::1]:2", "/run/card"] { #expect(SocketAddress(text)?.description == text) }
  }

  @Test func impossibleAddresses() throws {
    let long = "/" + String(repeating: "x", count: 107)
    #expect(throws: SocketError(.badAddress, .unix(path: long))) {
      try CardInsertion(try blankCard(), into: .unixSocket(path: long))
    }
    #expect(throws: SocketError(.unknownHost, .tcp(host: "no.such.host.invalid", port: 1))) {
      try CardInsertion(try blankCard(), into: .vpcd(host: "no.such.host.invalid", port: 1))
    }
  }
}
