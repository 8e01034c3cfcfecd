import CardConformance
import CardDriver
import CardEmulator
import Cryptography
import Foundation
import ISO7816
import Octets
import Sockets
import Testing

/// One suite over every way to a card, with a card of either transmission protocol.
@Suite(.noHang) struct ConformanceTests {
  /// How a card is reached.
  enum Way: String, CaseIterable, CustomTestStringConvertible {
    case inProcess = "in process"
    case unixSocket = "Unix socket"
    case tcp = "TCP"
    case reader = "PC/SC"

    var testDescription: String { rawValue }
  }

  @Test(arguments: Way.allCases, lines) func aCardDoesAllItMust(way: Way, line: TransmissionProtocol) throws {
    let made = try Cards.blank(line)
    let keys = made.production.transportKeys.withBytes { $0.octets }
    let failures = try reach(made.card, by: way) { transport in
      try Conformance.failures(
        of: CardUnderTest(transport: transport, transportKeys: keys, transmissionProtocol: line))
    }
    for failure in failures { Issue.record("\(failure)") }
  }

  private func reach<R>(_ card: EmulatedCard, by way: Way, _ body: (any APDUTransport) throws -> R) throws -> R {
    switch way {
    case .inProcess: return try body(card)
    case .unixSocket: return try listening(card, at: .unixSocket(path: "/tmp/warifu-\(UUID().uuidString)"), body)
    case .tcp: return try listening(card, at: .tcp(host: "127.0.0.1", port: 0), body)
    case .reader:
      return try Slots.withCard(card) { slot in
        try ReaderContext().connect(to: slot.name, timeout: .seconds(60)).withTransaction { try body($0.transport) }
      }
    }
  }

  /// The card listens, and the driver calls it.
  private func listening<R>(
    _ card: EmulatedCard, at address: PresenceAddress, _ body: (any APDUTransport) throws -> R
  ) throws -> R {
    let insertion = try CardInsertion(card, into: address)
    try insertion.start()
    defer { insertion.stop() }
    return try body(try SocketTransport(connectingTo: try #require(insertion.listeningAddress)))
  }

  /// A suite that asks nothing passes everything.
  @Test func theSuiteIsWhole() {
    #expect(Conformance.names.count > 35)
    #expect(Set(Conformance.names).count == Conformance.names.count)
  }
}
