import CardDriver
import CenterServer
import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import TestSupport
import Testing

@testable import LicenseCenter

/// A charge over the network that the counter gives up (`giveUpCharge`): nothing of it is worth anything or costs anything,
/// wherever it stood.
@Suite struct GivenUpChargeTests {
  private static func giveUp(
    _ operation: String, _ port: Int, as name: String = "counter", key: String = TestServer.key()
  ) async throws -> RawAnswer {
    let request = ClientRequest(
      method: "POST", target: "/v1/refunds/charges/\(operation)", token: TestServer.tokens[name], key: key)
    return try await converse(with: port) { connection in
      connection.send(request.text)
      return try connection.answer()
    }
  }

  /// How the holder's payments stand; those of one second have no order of their own.
  private func payments(_ center: Center, _ bench: RelayBench) async throws -> [String] {
    try await center.payments.payments(of: bench.serial).map(\.state.rawValue).sorted()
  }

  private func balance(_ bench: RelayBench) async throws -> Int64 {
    try await bench.center.ledger.balance(of: .holder(bench.serial), in: .yen).minorUnits
  }

  /// Before and after the card took its codes; the holder has money at the centre, which is paid out once.
  @Test(arguments: [false, true])
  func P6_aChargeGivenUpIsWorthNothingAndCostsNothing(cardHasIt: Bool) async throws {
    let bench = try await RelayBench()
    try await bench.serve { port in
      let first = try RelayingHost(bench, port)
      let steps = try await first.finish().steps
      try await bench.center.ledger.deposit(
        Money(minorUnits: 3000, currency: .yen), for: bench.serial,
        operation: try #require(OperationID(octets: bench.random.octets(16))))
      let host = try RelayingHost(bench, port)
      let turn = try await host.reach(steps - 1)
      let response = cardHasIt ? try host.ask(turn) : nil
      for name in ["holder", "auditor", "stranger"] {
        expectProblem(try await GivenUpChargeTests.giveUp(host.operation, port, as: name), .forbidden, 403)
      }
      expectProblem(try await GivenUpChargeTests.giveUp(TestServer.key(), port), .notFound, 404)
      expectProblem(try await GivenUpChargeTests.giveUp(first.operation, port), .conflict, 409)
      #expect(try await balance(bench) == 1500)

      let key = TestServer.key()
      let given = try await GivenUpChargeTests.giveUp(host.operation, port, key: key)
      #expect(given.status == 200 && given.json?["state"] == "voided", "\(given.text)")
      #expect(try await GivenUpChargeTests.giveUp(host.operation, port, key: key).body == given.body)
      #expect(try await GivenUpChargeTests.giveUp(host.operation, port).json == given.json)
      // What the card says now books nothing, and the order is not begun again.
      if let response { expectProblem(try await host.send(turn, response), .card, 409) }
      expectProblem(try await host.begin(), .conflict, 409)
      #expect(try await host.get("/v1/charges/\(host.operation)", as: "counter").json?["state"] == "voided")
      #expect(try await balance(bench) == 0, "the price of five codes was paid out, once")

      // The card takes the next order, and both sides agree on everything but the dead codes.
      let next = try await RelayingHost(bench, port).finish().answer.json?["charge"]
      #expect(next?["state"] == "booked" && next?["number"] == (cardHasIt ? 3 : 2))
      #expect(try await balance(bench) == -1500)
    }
    let card = try WarifuCard(CardConnection(bench.card))
    let record = try await bench.center.cardIssuer.card(bench.serial)
    #expect(try card.status().codeCount == (cardHasIt ? 15 : 10) && record.codesSold == 10)
    let letter = try await bench.center.cardIssuer.pinLetter(of: bench.serial)
    try card.verify(pin: Secret(copying: Array(letter.pin.utf8)))
    var states: [CodeSaleState: Int] = [:]
    for index in 0..<UInt16(try card.status().codeCount) {
      let octets = try card.handOver(index: index).code.withBytes { $0.octets }
      let code = try #require(RetrievalCode(octets: octets))
      states[try #require(try await bench.center.rightsSeller.record(of: code)).state, default: 0] += 1
    }
    #expect(states == (cardHasIt ? [.unused: 10, .voided: 5] : [.unused: 10]))
    _ = try await bench.center.verify()
  }

  /// What was set aside on the holder's means of payment is let go, and the next charge is collected as ever.
  @Test(arguments: [false, true])
  func P6_aChargeGivenUpLetsTheMeansOfPaymentGo(cardHasIt: Bool) async throws {
    let bench = try await RelayBench()
    let paid = try await CenterFolder(bench.path).open(
      passphrase: Secret(copying: Array(RelayBench.passphrase.utf8)), database: bench.location, random: bench.random,
      clock: StandingClock(), payments: .simulated)
    defer { try? paid.close() }
    try await paid.payments.file(try #require(PaymentMethod(token: "simulated")), for: bench.serial)
    // Money that the holder has besides is none of this charge's.
    try await bench.center.ledger.deposit(
      Money(minorUnits: 3000, currency: .yen), for: bench.serial,
      operation: try #require(OperationID(octets: bench.random.octets(16))))
    try await bench.serve(paid) { port in
      let steps = try await RelayingHost(bench, port).finish().steps
      let host = try RelayingHost(bench, port)
      let turn = try await host.reach(steps - 1)
      if cardHasIt { _ = try host.ask(turn) }
      #expect(try await payments(paid, bench) == ["authorised", "captured"])
      #expect(try await GivenUpChargeTests.giveUp(host.operation, port).status == 200)
      #expect(try await payments(paid, bench) == ["captured", "voided"])
      #expect(try await balance(bench) == 3000)
      try await RelayingHost(bench, port).finish()
      #expect(try await payments(paid, bench) == ["captured", "captured", "voided"])
      #expect(try await balance(bench) == 3000)
      #expect(try await paid.payments.disagreements().isEmpty)
    }
    _ = try await bench.center.verify()
  }

  /// The card's receipt and the counter's word come at the same time: one of them counts, for codes and money alike.
  @Test(arguments: Engine.allCases)
  func P6_givingUpAndBookingHaveOneWinner(engine: Engine) async throws {
    var random = Randomness("giving up against booking")
    // A card has room for so many rounds, for what was given up stays on it.
    let (rounds, each) = (random.soak(8, full: 300), 100)
    for first in stride(from: 0, to: rounds, by: each) {
      try await giveUpAgainstBooking(engine, rounds: first..<min(first + each, rounds), &random)
    }
  }

  private func giveUpAgainstBooking(
    _ engine: Engine, rounds: Range<Int>, _ random: inout Randomness
  ) async throws {
    let bench = try await RelayBench(engine)
    let leads = rounds.map { ($0, Int.random(in: -3...3, using: &random.generator)) }
    try await bench.serve { port in
      let steps = try await RelayingHost(bench, port).finish().steps
      var (booked, voided) = (1, 0)
      for (round, lead) in leads {
        let host = try RelayingHost(bench, port)
        let turn = try await host.reach(steps - 1)
        let body = try host.stepBody(turn, try host.ask(turn))
        let operation = host.operation
        async let step = {
          try await Task.sleep(for: .milliseconds(max(0, lead)))
          return try await post(port, "/v1/charges/\(operation)/steps", body, as: "counter", key: nil)
        }()
        async let giving = {
          try await Task.sleep(for: .milliseconds(max(0, -lead)))
          return try await GivenUpChargeTests.giveUp(operation, port)
        }()
        let (charge, given) = (try await step, try await giving)
        if charge.status == 200 {
          booked += 1
          #expect(charge.json?["charge"]?["state"] == "booked", "round \(round)")
          expectProblem(given, .conflict, 409)
        } else {
          voided += 1
          expectProblem(charge, .card, 409)
          #expect(given.json?["state"] == "voided", "round \(round)")
        }
        #expect(try await balance(bench) == Int64(-1500 * booked), "round \(round)")
        let record = try await bench.center.cardIssuer.card(bench.serial)
        #expect(record.codesSold == UInt32(5 * booked), "round \(round)")
      }
      print("\(booked) booked, \(voided) given up")
      // Whoever won, the card is charged on.
      #expect(try await RelayingHost(bench, port).finish().answer.json?["charge"]?["state"] == "booked")
    }
    _ = try await bench.center.verify()
  }
}
