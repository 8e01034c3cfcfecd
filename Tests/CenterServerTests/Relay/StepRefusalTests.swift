import CardDriver
import CenterServer
import Cryptography
import Formats
import Foundation
import ISO7816
import Identifiers
import Octets
import Testing

@testable import LicenseCenter

/// Steps that come late, twice, elsewhere or out of order are refused without harm, and what is dropped ends by time.
@Suite struct StepRefusalTests {
  @Test func P6_stepsOutOfOrderAreRefusedWithoutHarm() async throws {
    let bench = try await RelayBench()
    try await bench.serve { port in
      let host = try RelayingHost(bench, port)
      let first = try await host.begin()
      #expect(first.status == 200 && host.next(first)?.step == 0)
      #expect(try await host.begin().body == first.body, "repeated before anything came of it")
      let response = try host.ask(first)
      // Nobody waits for step 1 yet; nor does anybody else's conversation, or another operation, take step 0.
      expectProblem(try await host.send(first, response, step: 1), .outOfStep, 409)
      expectProblem(
        try await host.send(first, response, dialogue: String(repeating: "0", count: 32)), .dialogueOver, 409)
      expectProblem(try await host.send(first, response, operation: TestServer.key()), .dialogueOver, 409)
      expectProblem(try await host.send(first, response, as: "holder"), .dialogueOver, 409)
      expectProblem(try await host.send(first, response, as: "stranger"), .dialogueOver, 409)
      let second = try await host.send(first, response)
      #expect(second.status == 200 && host.next(second)?.step == 1)
      #expect(try await host.send(first, response).body == second.body, "a lost answer is told again")
      expectProblem(try await host.send(first, [0x6A, 0x82]), .outOfStep, 409)
      expectProblem(try await host.send(first, response + [0x90, 0x00]), .outOfStep, 409)
      var turn = second
      while host.next(turn) != nil {
        let response = try host.ask(turn)
        let following = try await host.send(turn, response)
        expectProblem(try await host.send(first, host.ignored), .outOfStep, 409)
        #expect(try await host.send(turn, response).body == following.body, "the last one too")
        turn = following
      }
      #expect(turn.json?["charge"]?["state"] == "booked")
      #expect(try await host.begin().json == turn.json)
      try await bench.expectAgreement(charges: 1, codes: 5)
      let charge = try await host.get("/v1/charges/\(host.operation)", as: "auditor")
      #expect(charge.json == turn.json?["charge"])
      expectProblem(try await host.get("/v1/charges/\(host.operation)", as: "stranger"), .forbidden, 403)
      expectProblem(try await host.get("/v1/charges/\(TestServer.key())", as: "auditor"), .notFound, 404)
    }
  }

  /// Attack 8: what was recorded of one charge is sent again, within it, in the next conversation, and in the next charge.
  @Test func P6_attack8_recordedResponsesChargeNothing() async throws {
    let bench = try await RelayBench()
    try await bench.serve { port in
      let host = try RelayingHost(bench, port)
      var recorded: [[UInt8]] = []
      var turn = try await host.begin()
      while host.next(turn) != nil {
        let response = try host.ask(turn)
        recorded.append(response)
        turn = try await host.send(turn, response)
      }
      #expect(turn.json?["charge"]?["state"] == "booked")
      // The whole of it again, for another charge: no card is there at all.
      for start in recorded.indices {
        let replayer = try RelayingHost(bench, port)
        var turn = try await replayer.begin()
        for index in 0... {
          guard replayer.next(turn) != nil else { break }
          // An honest card up to one message, the record from there on.
          turn = try await replayer.send(
            turn, index < start ? try replayer.ask(turn) : recorded[min(index, recorded.count - 1)])
        }
        #expect(turn.status == 409 && turn.json?["charge"] == nil, "from message \(start)")
        // The charge that was opened on the way is taken by the card itself, or was never opened.
        try await replayer.finish()
      }
      let charges = try await bench.center.charging.charges(of: bench.serial).count(where: { $0.state == .booked })
      try await bench.expectAgreement(charges: charges, codes: 5 * charges)
      _ = try await bench.center.verify()
    }
  }

  /// Nobody goes on with it: the conversation ends by time, and the charge is carried on in another one.
  @Test func P6_droppedConversationEndsByTime() async throws {
    let bench = try await RelayBench()
    // Enough for a step on a machine as busy as this one is.
    var time = Duration.zero
    try await bench.serve { port in
      let host = try RelayingHost(bench, port)
      time = try await ContinuousClock().measure { try await host.finish() }
    }
    var limits = ServerLimits.patient
    let stepTime = min(max(.milliseconds(300), time), .seconds(2))
    limits.relay.stepTime = stepTime
    try await bench.serve(limits: limits) { port in
      let host = try RelayingHost(bench, port)
      var steps = 0
      var turn = try await host.reach(steps)
      while let next = host.next(turn) {
        // Every one is left alone once; from the charge on it is open meanwhile.
        try await Task.sleep(for: stepTime * 3)
        expectProblem(try await host.send(turn, try host.ask(turn)), .dialogueOver, 409, "step \(next.step)")
        steps += 1
        turn = try await host.reach(steps)
      }
      #expect(steps > 4 && turn.json?["charge"]?["state"] == "booked")
      try await bench.expectAgreement(charges: 2, codes: 10)
    }
  }

  @Test func P6_conversationsAreLimited() async throws {
    let bench = try await RelayBench()
    let (other, serial) = try await RelayBench.issuedCard(at: bench.center)
    var limits = ServerLimits.patient
    limits.relay.dialoguesPerCaller = 1
    limits.relay.dialogues = 2
    limits.relay.steps = 3
    try await bench.serve(limits: limits) { port in
      let (first, second) = (try RelayingHost(bench, port), try RelayingHost(bench, port, other, serial))
      var turn = try await first.begin()
      let refused = try await second.begin()
      expectProblem(refused, .tooMany, 429)
      #expect(refused.headers["retry-after"] != nil)
      // Another order for the same card takes the place of the first.
      let third = try RelayingHost(bench, port)
      let begun = try await third.begin()
      #expect(begun.status == 200)
      expectProblem(try await first.send(turn, try first.ask(turn)), .dialogueOver, 409)
      // A conversation has only so many steps.
      turn = begun
      for _ in 0..<3 { turn = try await third.send(turn, try third.ask(turn)) }
      expectProblem(turn, .card, 409)
      #expect(try await second.begin().status == 200)
    }
    try await bench.expectAgreement(charges: 0, codes: 0)
  }

  /// Whoever begins again where something was said already is led from the start, by another conversation; so is another
  /// order, even under the same key.
  @Test func P6_beginningAgainBeginsAtTheStart() async throws {
    let bench = try await RelayBench()
    try await bench.serve { port in
      let host = try RelayingHost(bench, port)
      let first = try await host.begin()
      let other = try await host.begin(6)
      #expect(host.next(other)?.step == 0 && host.next(other)?.dialogue != host.next(first)?.dialogue)
      expectProblem(try await host.send(first, try host.ask(first)), .dialogueOver, 409)
      let again = try await host.begin()
      _ = try await host.send(again, try host.ask(again))
      let anew = try await host.begin()
      #expect(host.next(anew)?.step == 0 && host.next(anew)?.dialogue != host.next(again)?.dialogue)
      try await host.finish()
    }
    try await bench.expectAgreement(charges: 1, codes: 5)
  }

  @Test func P6_aServerSpeaksWithSoManyCardsAtOnce() async throws {
    let bench = try await RelayBench()
    let (other, serial) = try await RelayBench.issuedCard(at: bench.center)
    var limits = ServerLimits.patient
    limits.relay.dialogues = 1
    try await bench.serve(limits: limits) { port in
      #expect(try await RelayingHost(bench, port).begin().status == 200)
      expectProblem(try await RelayingHost(bench, port, other, serial).begin(), .tooMany, 429)
    }
  }

  /// What is over is told again for a while, whatever begins meanwhile.
  @Test func P6_theEndIsToldAgainForAWhile() async throws {
    let bench = try await RelayBench()
    let (other, serial) = try await RelayBench.issuedCard(at: bench.center)
    var limits = ServerLimits.patient
    limits.relay.memoryTime = .seconds(20)
    try await bench.serve(limits: limits) { port in
      var isInTime = false
      // On a machine that was busy for the whole while it is forgotten, and rightly so.
      for _ in 0..<20 where !isInTime {
        let host = try RelayingHost(bench, port)
        var (turn, last) = (try await host.begin(), (turn: RawAnswer?.none, response: [UInt8]()))
        var begin = ContinuousClock.now
        while host.next(turn) != nil {
          last = (turn, try host.ask(turn))
          begin = .now
          turn = try await host.send(turn, last.response)
        }
        // Then the server looks for what it may forget.
        try await Task.sleep(for: limits.relay.memoryTime / 4 + .milliseconds(200))
        #expect(try await RelayingHost(bench, port, other, serial).begin().status == 200)
        let again = try await host.send(try #require(last.turn), last.response)
        isInTime = ContinuousClock.now - begin < limits.relay.memoryTime
        #expect(!isInTime || again.body == turn.body)
      }
      #expect(isInTime)
    }
  }

  /// Holders charge their own card and nobody else's; others no card at all.
  @Test func P6_onlyTheHolderAndTheCounterCharge() async throws {
    let bench = try await RelayBench()
    try await bench.serve { port in
      for (name, kind, status) in [
        ("stranger", Problem.Kind.forbidden, 403), ("auditor", .forbidden, 403), ("nobody", .unauthenticated, 401),
      ] {
        let host = try RelayingHost(bench, port, as: name)
        expectProblem(try await host.begin(), kind, status)
      }
      for body: JSON in [
        [
          "card": .text(bench.serial.description), "softwareID": .text(bench.title.softwareID.description),
          "quantity": 0,
        ],
        ["card": "00", "softwareID": .text(bench.title.softwareID.description), "quantity": 1],
        [:],
      ] {
        expectProblem(
          try await post(port, "/v1/charges", body, as: "counter", key: TestServer.key()), .invalid, 400)
      }
    }
    try await bench.expectAgreement(charges: 0, codes: 0)
  }
}
