import CenterClient
import Formats
import Foundation
import TestSupport
import Testing

@testable import LicenseCenter

/// The server is killed while it charges a card over the network: the client goes on with the next one, card and books
/// agree, and the price is taken once.
@Suite(.serialized) struct KilledServerTests {
  /// Killed before or after each message to the card.
  @Test(arguments: Engine.allCases)
  func P6_serverKilledAtEveryMessage(engine: Engine) async throws {
    let bench = try await RelayBench(engine)
    var random = Randomness("kills of the server at messages")
    let step = random.soak(4, full: 1)
    let server = try ServerProcess(bench.path, database: bench.databaseURL)
    defer { server.stop() }
    let whole = CutTransport(bench.card)
    _ = try await bench.charge(try bench.order(), over: whole, port: server.port)
    var charges = 1
    for moment in CutTransport.Moment.allCases {
      for index in stride(from: Int.random(in: 0..<step, using: &random.generator), to: whole.messages, by: step) {
        let transport = CutTransport(bench.card)
        var failure: (any Error)?
        transport.onMessage = { message, now in
          guard message == index, now == moment else { return }
          do { try server.restart() } catch let error { failure = error }
        }
        let charge = try await bench.charge(try bench.order(), over: transport, port: server.port)
        if let failure { throw failure }
        charges += 1
        #expect(charge.state == .booked && transport.messages > whole.messages)
        try await bench.expectAgreement(charges: charges, codes: 5 * charges, "\(moment) \(index)")
      }
    }
    _ = try await bench.center.verify()
  }

  /// Killed in front of each of its writes.
  @Test func P6_serverKilledAtEveryWrite() async throws {
    let bench = try await RelayBench()
    var random = Randomness("kills of the server at writes")
    let step = random.soak(9, full: 1)
    var (write, charges, kills) = (Int.random(in: 0..<step, using: &random.generator), 0, 0)
    while true {
      let server = try ServerProcess(bench.path, database: nil, killAt: write)
      defer { server.stop() }
      let charge = try await bench.charge(try bench.order(), over: bench.card, port: server.port)
      charges += 1
      #expect(charge.state == .booked)
      try await bench.expectAgreement(charges: charges, codes: 5 * charges, "write \(write)")
      guard server.wasKilled else { break }
      (write, kills) = (write + step, kills + 1)
    }
    print("killed at \(kills) of \(write) writes")
    #expect(kills > 2)
    _ = try await bench.center.verify()
  }
}
