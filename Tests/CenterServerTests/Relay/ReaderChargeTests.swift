import CardDriver
import CardEmulator
import CenterClient
import Formats
import PCSCRig
import Testing

@testable import LicenseCenter

/// A charge over the network into a card in a reader: pcscd, vpcd, and PC/SC between the host and the card.
@Suite struct ReaderChargeTests {
  @Test func P6_chargeReachesACardInAReader() async throws {
    let daemon = try PrivateDaemon.start(slots: 2)
    defer { daemon.stop() }
    daemon.adopt()
    let bench = try await RelayBench()
    try await bench.serve { port in
      let insertion = try CardInsertion(
        bench.card, into: .vpcd(host: "127.0.0.1", port: daemon.ports[0]), log: { _ in })
      try insertion.start()
      let name = daemon.readers[0]
      try await onThread { try PrivateDaemon.waitForCard(true, in: name) }
      let transport = try ReaderContext().connect(to: name)
      let charge = try await bench.charge(try bench.order(), over: transport, port: port)
      #expect(charge.state == .booked && charge.actual == 5)
      insertion.stop()
    }
    try await bench.expectAgreement(charges: 1, codes: 5)
  }
}
