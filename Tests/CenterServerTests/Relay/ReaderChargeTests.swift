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
    let reader = try AdoptedDaemon.borrow()
    defer { AdoptedDaemon.giveBack(reader) }
    let bench = try await RelayBench()
    try await bench.serve { port in
      let insertion = try CardInsertion(
        bench.card, into: .vpcd(host: "127.0.0.1", port: reader.port), log: { _ in })
      try insertion.start()
      try await onThread { try PrivateDaemon.waitForCard(true, in: reader.name) }
      let transport = try ReaderContext().connect(to: reader.name)
      let charge = try await bench.charge(try bench.order(), over: transport, port: port)
      #expect(charge.state == .booked && charge.actual == 5)
      insertion.stop()
      try await onThread { try PrivateDaemon.waitForCard(false, in: reader.name) }
    }
    try await bench.expectAgreement(charges: 1, codes: 5)
  }
}
