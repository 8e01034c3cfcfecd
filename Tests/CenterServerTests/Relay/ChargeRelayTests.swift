import CardDriver
import CardProtocol
import CenterClient
import CenterServer
import Cryptography
import Formats
import Foundation
import ISO7816
import Identifiers
import Octets
import TestSupport
import Testing

@testable import LicenseCenter

/// Charging over the network (P6, Fig 27 S10-S13), and everything that can break on the way.
@Suite struct ChargeRelayTests {
  @Test(arguments: Engine.allCases)
  func P6_chargeOverTheNetworkIsBookedOnce(engine: Engine) async throws {
    let bench = try await RelayBench(engine)
    try await bench.serve { port in
      let order = try bench.order()
      let charge = try await bench.charge(order, over: bench.card, port: port, as: "holder")
      #expect(charge.state == .booked && charge.desired == 5 && charge.actual == 5 && charge.number == 1)
      #expect(charge.price.minorUnits == 300 && charge.operation == order.operationID.description)
      #expect(try await bench.charge(order, over: bench.card, port: port, as: "holder") == charge)
      try await bench.expectAgreement(charges: 1, codes: 5)
      var other = order
      other.acceptsFewer = true
      let error = await failure { _ = try await bench.charge(other, over: bench.card, port: port, as: "holder") }
      #expect(error?.code == .problem("key-reused"))
      try await bench.expectAgreement(charges: 1, codes: 5)
    }
  }

  /// HTTP requests and answers get lost, or come twice, at every message: the client goes on, and the price is taken once.
  @Test(arguments: Engine.allCases)
  func P6_lostRequestsAndAnswersHarmNothing(engine: Engine) async throws {
    let bench = try await RelayBench(engine)
    var random = Randomness("lost requests")
    let step = random.soak(2, full: 1)
    try await bench.serve { port in
      let whole = try FaultyProxy(to: port)
      _ = try await bench.charge(try bench.order(), over: bench.card, port: whole.port)
      whole.stop()
      var charges = 1
      #expect(whole.requests > 6)
      let start = Int.random(in: 0..<step, using: &random.generator)
      for kind in FaultyProxy.Fault.allCases {
        for index in stride(from: start, to: whole.requests, by: step) {
          let proxy = try FaultyProxy(to: port, kind, at: index)
          defer { proxy.stop() }
          let charge = try await bench.charge(try bench.order(), over: bench.card, port: proxy.port)
          charges += 1
          #expect(charge.state == .booked)
          try await bench.expectAgreement(charges: charges, codes: 5 * charges, "\(kind) at \(index)")
        }
      }
    }
    _ = try await bench.center.verify()
  }

  /// The card loses its power before or after any message; the next run settles.
  @Test(arguments: Engine.allCases, CutTransport.Moment.allCases)
  func P6_cardCutAtEveryMessage(engine: Engine, moment: CutTransport.Moment) async throws {
    let bench = try await RelayBench(engine)
    try await bench.serve { port in
      let whole = CutTransport(bench.card)
      _ = try await bench.charge(try bench.order(), over: whole, port: port)
      for index in 0..<whole.messages {
        let order = try bench.order()
        let error = await failure {
          _ = try await bench.charge(order, over: CutTransport(bench.card, cut: (index, moment)), port: port)
        }
        #expect(error?.code == .card && error?.mayHaveChanged == true)
        #expect(try await bench.charge(order, over: bench.card, port: port).state == .booked)
        try await bench.expectAgreement(charges: index + 2, codes: 5 * (index + 2), "\(moment) \(index)")
      }
    }
  }

  /// Behind a balancer each request may reach another instance: a conversation begins anew there, and nothing is lost.
  @Test(arguments: Engine.allCases)
  func P6_twoInstancesTakeTurns(engine: Engine) async throws {
    let bench = try await RelayBench(engine)
    let other = try await bench.openAgain()
    defer { try? other.close() }
    try await bench.serve { first in
      try await bench.serve(other) { second in
        let whole = CutTransport(bench.card)
        _ = try await bench.charge(try bench.order(), over: whole, port: first)
        for index in 0...whole.messages {
          let balancer = try FaultyProxy(to: first, then: second, after: index)
          defer { balancer.stop() }
          let charge = try await bench.charge(try bench.order(), over: bench.card, port: balancer.port)
          #expect(charge.state == .booked)
          try await bench.expectAgreement(charges: index + 2, codes: 5 * (index + 2), "after \(index)")
        }
      }
    }
  }

  /// S13: a card that is not certified is refused, and nothing is charged, billed or opened.
  @Test func P6_uncertifiedCardIsRefusedOverTheNetwork() async throws {
    let bench = try await RelayBench()
    let stranger = try await RelayBench()
    try await bench.serve { port in
      let error = await failure {
        _ = try await bench.charge(try bench.order(), over: stranger.card, port: port)
      }
      // Nothing was opened, and nothing is there to be carried on.
      #expect(error?.code == .problem("card") && error?.mayHaveChanged == false)
      let unknown = try ChargeOrder(
        operationID: try #require(OperationID(octets: bench.random.octets(16))), cardSerial: stranger.serial,
        softwareID: bench.title.softwareID, quantity: 1)
      let missing = await failure { _ = try await bench.charge(unknown, over: stranger.card, port: port) }
      #expect(missing?.code == .problem("not-found"))
    }
    try await bench.expectAgreement(charges: 0, codes: 0)
    let rows = try await bench.center.context.database.read { transaction in
      try ["charges", "codes", "ledger_entries"].map { try transaction.run("SELECT 1 FROM \($0)", []).count }
    }
    #expect(rows == [0, 0, 0])
  }

  /// What crosses the network, and what the host passes on, holds no code, no key and no id of what was bought.
  @Test func P6_hostReadsNothing() async throws {
    let bench = try await RelayBench()
    var wire: [UInt8] = []
    var line: [[UInt8]] = []
    try await bench.serve { port in
      let proxy = try FaultyProxy(to: port)
      defer { proxy.stop() }
      let transport = CutTransport(bench.card)
      _ = try await bench.charge(try bench.order(), over: transport, port: proxy.port)
      wire = proxy.seen
      line = transport.octets
    }
    let text = String(decoding: wire, as: UTF8.self)
    let carried = text.matches(of: /"(?:command|response)":"([A-Za-z0-9+\/=]+)"/).flatMap {
      [UInt8](Data(base64Encoded: String($0.output.1)) ?? Data())
    }
    #expect(carried.count > 500)
    let relayed = line.flatMap(\.self)
    let individual = try await bench.center.context.database.read {
      [serial = bench.serial, context = bench.center.context] in
      try CardRow.issued($0, serial).individualKey(context.keys).withBytes { $0.octets }
    }
    let connection = try WarifuCard(CardConnection(bench.card))
    let letter = try await bench.center.cardIssuer.pinLetter(of: bench.serial)
    try connection.verify(pin: Secret(copying: Array(letter.pin.utf8)))
    // What is bought stands in the order, which is the host's own, and nowhere in what it passes on.
    var secrets = [individual]
    for index in 0..<5 { secrets.append(try connection.handOver(index: UInt16(index)).code.withBytes { $0.octets }) }
    #expect(!relayed.contains(bench.title.softwareID.octets) && !carried.contains(bench.title.softwareID.octets))
    for secret in secrets {
      #expect(!relayed.contains(secret) && !carried.contains(secret))
      #expect(!text.contains(Hex.encode(secret)) && !text.contains(Data(secret).base64EncodedString()))
    }
    let log = bench.log.all.joined()
    #expect(!log.contains(bench.serial.description))
  }
}

/// The error that `body` ends with, which must be a client's.
func failure(
  sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async -> CenterClientError? {
  do {
    try await body()
    Issue.record("it succeeded", sourceLocation: sourceLocation)
  } catch let error as CenterClientError {
    return error
  } catch {
    Issue.record("\(error) is no error of a client", sourceLocation: sourceLocation)
  }
  return nil
}
