import Cryptography
import Formats
import Foundation
import TestSupport
import Testing

@testable import LicenseCenter

/// What the public learns from trying codes: one answer, for the same work; and how often it may try.
@Suite(.onEveryEngine) struct CodeAnswerTests {
  /// Codes that are good for nothing, each for a reason of its own.
  private enum Dud: String, CaseIterable {
    case unknown, inUse, used, expired, voided
  }

  /// A bench and a code that is a dud of each kind.
  private func duds() async throws -> (RedemptionBench, [Dud: RetrievalCode]) {
    let bench = try await RedemptionBench(codes: 5)
    let soon = bench.clock.now() + 100
    let expiring = try await bench.center.rightsSeller.sell(
      SealSheetOrder(
        operationID: bench.test.operationID(), cardSerial: bench.test.serial, softwareID: bench.title.softwareID,
        quantity: 1, url: "u", conditions: CodeConditions(expiry: soon))
    ).codes[0]
    bench.clock.advance(by: 101)
    _ = try await bench.begun(bench.codes[0])
    let grant = try await bench.begun(bench.codes[1])
    _ = try await bench.finish(grant, try await bench.download(grant))
    try await bench.center.seatRecovery.retire(bench.codes[2])
    return (
      bench,
      [
        .unknown: RetrievalCode(from: bench.test.random), .inUse: bench.codes[0], .used: bench.codes[1],
        .expired: expiring, .voided: bench.codes[2],
      ]
    )
  }

  @Test func P23_wrongCodeEnds() async throws {
    let (bench, duds) = try await duds()
    let before = try await bench.test.count("SELECT 1 FROM redemptions")
    for (dud, code) in duds {
      let answer = try await bench.center.redemption.begin(RedemptionRequest(code: code, key: bench.key()))
      #expect(answer == .refused, "\(dud)")
    }
    #expect(try await bench.test.count("SELECT 1 FROM redemptions") == before)
    // The right one goes on to the download.
    #expect(try await bench.begin(bench.codes[3]) != nil)
    #expect(throws: RetrievalCodeError.typingError) {
      let text = bench.codes[3].text
      _ = try RetrievalCode(typed: text.dropLast() + (text.last == "0" ? "1" : "0"))
    }
  }

  /// The database is asked the same, whatever is wrong with a code.
  @Test func everyWrongCodeTakesTheSameStatements() async throws {
    let (bench, duds) = try await duds()
    let recorder = StatementLog(bench.center.context.database)
    var context = bench.center.context
    context = CenterContext(
      facts: context.facts, database: recorder, keys: context.keys, clock: context.clock, random: context.random,
      folder: context.folder)
    var logs: [Dud: [String]] = [:]
    for (dud, code) in duds {
      let client = RedeemingClient(address: "192.0.2.\(dud.hashValue & 0x7F)-\(dud.rawValue)")
      let answer = try await Redemption(context: context).begin(
        RedemptionRequest(code: code, key: bench.key(), client: client))
      #expect(answer == .refused)
      logs[dud] = recorder.take()
    }
    let reference = try #require(logs[.unknown])
    #expect(reference.count >= 5)
    for (dud, log) in logs { #expect(log == reference, "\(dud)") }
  }

  /// The distribution of times is shown.
  ///
  /// Whatever else the machine does lengthens any of them, now this one and now that: a difference is the code's own where
  /// one kind is ahead of the others or behind them again and again, in rounds that ask for each kind once in an order of
  /// chance. Then its shortest tenth, which has the least of all that, must be that of the others to a few microseconds.
  @Test func wrongCodesTakeTheSameTime() async throws {
    let (bench, duds) = try await duds()
    var chance = Randomness("times of wrong codes")
    let rounds = chance.soak(120, full: 1_000)
    let clock = ContinuousClock()
    var (times, places): ([Dud: [Double]], [Dud: Double]) = ([:], [:])
    for _ in 0..<rounds {
      var round: [(dud: Dud, time: Double)] = []
      for dud in Dud.allCases.shuffled(using: &chance.generator) {
        let request = RedemptionRequest(code: try #require(duds[dud]), key: bench.key())
        let time = try await clock.measure { _ = try await bench.center.redemption.begin(request) }
        round.append((dud, time / .microseconds(1)))
      }
      for (place, entry) in round.sorted(by: { $0.time < $1.time }).enumerated() {
        times[entry.dud, default: []].append(entry.time)
        places[entry.dud, default: 0] += Double(place) / Double(rounds)
      }
    }
    let sorted = times.mapValues { $0.sorted() }
    let tenths = sorted.mapValues { $0[$0.count / 10] }
    let least = tenths.values.min() ?? 0
    // A mean place that is chance's alone strays by this much.
    let straying = (2 / Double(rounds)).squareRoot()
    for dud in Dud.allCases {
      let (list, tenth, place) = (sorted[dud] ?? [], try #require(tenths[dud]), try #require(places[dud]))
      let figures = [0.1, 0.5, 0.9].map { Int(list[Int(Double(list.count - 1) * $0)]) }
      print(
        "wrong code, \(dud.rawValue): 10% \(figures[0]) µs, 50% \(figures[1]) µs, 90% \(figures[2]) µs; place \(place)")
      let isAlwaysElsewhere = abs(place - 2) > 4 * straying
      #expect(!isAlwaysElsewhere || tenth < 1.25 * least + 25, "\(dud.rawValue): \(tenth) µs of at least \(least)")
    }
  }

  @Test func P8_codeDiesAtItsDateInEveryState() async throws {
    let bench = try await RedemptionBench(conditions: CodeConditions(expiry: 1_800_000_100))
    let redemption = bench.center.redemption
    let key = bench.key()
    let open = try #require(try await bench.begin(bench.codes[0], key))
    #expect(open.expiry == 1_800_000_100)
    let done = try await bench.begun(bench.codes[1])
    _ = try await bench.finish(done, try await bench.download(done))
    bench.clock.advance(by: 100)
    _ = try await redemption.open(open.ticket, range: 0..<10)
    bench.clock.advance(by: 1)
    #expect(try await bench.begin(bench.codes[2]) == nil, "unused")
    #expect(try await bench.begin(bench.codes[0], key) == nil, "in use")
    for ticket in [open.ticket, done.ticket] {
      await expectFailure(.refused) { _ = try await redemption.open(ticket, range: 0..<10) }
      await expectFailure(.refused) { _ = try await redemption.acknowledge(ticket, upTo: 10) }
    }
  }

  /// Fig 12 (7): the communication is over, and with it everything that the code was for.
  @Test func P8_codeDiesUnderItsLimitingCondition() async throws {
    let bench = try await RedemptionBench()
    let done = try await bench.begun(bench.codes[0])
    _ = try await bench.finish(done, try await bench.download(done))
    _ = try await bench.center.rightsSeller.rightKey(of: bench.codes[0])
    try await bench.center.seatRecovery.retire(bench.codes[0])
    try await bench.center.seatRecovery.retire(bench.codes[0])
    #expect(try await bench.state(bench.codes[0]) == .voided)
    await expectFailure(.refused) { _ = try await bench.center.redemption.acknowledge(done.ticket, upTo: done.octets) }
    await expectFailure(.conflict) { _ = try await bench.center.rightsSeller.rightKey(of: bench.codes[0]) }
    #expect(try await bench.test.count("SELECT 1 FROM audit_log WHERE action = 'code.void'") == 1)
  }

  private func attempt(
    _ bench: RedemptionBench, _ code: RetrievalCode, _ client: RedeemingClient
  ) async throws -> RedemptionAnswer {
    try await bench.center.redemption.begin(RedemptionRequest(code: code, key: bench.key(), client: client))
  }

  @Test func identityIsLimitedByItsOwnFailures() async throws {
    let bench = try await RedemptionBench()
    let guesser = RedeemingClient(identity: "card 1", address: "192.0.2.1")
    let limit = AttemptLimits().identity
    for _ in 0..<limit.failures {
      #expect(try await attempt(bench, RetrievalCode(from: bench.test.random), guesser) == .refused)
    }
    // Not even a right code is looked at, and asking makes the wait no longer.
    for _ in 0..<5 {
      #expect(
        try await attempt(bench, bench.codes[0], guesser) == .tooManyAttempts(retryAfter: limit.recoverySeconds))
    }
    #expect(try await bench.state(bench.codes[0]) == .unused)
    bench.clock.advance(by: limit.recoverySeconds - 1)
    #expect(try await attempt(bench, bench.codes[0], guesser) == .tooManyAttempts(retryAfter: 1))
    bench.clock.advance(by: 1)
    #expect(try await attempt(bench, RetrievalCode(from: bench.test.random), guesser) == .refused)
    #expect(try await attempt(bench, bench.codes[0], guesser) != .refused)
    bench.clock.advance(by: limit.recoverySeconds)
    guard case .granted = try await attempt(bench, bench.codes[0], guesser) else {
      Issue.record("a failure leaked out")
      return
    }
  }

  @Test func addressIsLimitedAndLocksNobodyOut() async throws {
    let bench = try await RedemptionBench()
    let address = "198.51.100.7"
    let guesser = RedeemingClient(address: address)
    let limit = AttemptLimits().address
    for _ in 0..<limit.failures {
      #expect(try await attempt(bench, RetrievalCode(from: bench.test.random), guesser) == .refused)
    }
    let waiting = RedemptionAnswer.tooManyAttempts(retryAfter: limit.recoverySeconds)
    #expect(try await attempt(bench, RetrievalCode(from: bench.test.random), guesser) == waiting)
    // Elsewhere nobody has to wait; at the same address a logged-in neighbour has not, and no right code has.
    let elsewhere = RedeemingClient(address: "203.0.113.9")
    #expect(try await attempt(bench, RetrievalCode(from: bench.test.random), elsewhere) == .refused)
    let neighbour = RedeemingClient(identity: "card 2", address: address)
    #expect(try await attempt(bench, RetrievalCode(from: bench.test.random), neighbour) == .refused)
    for (code, client) in [(bench.codes[0], neighbour), (bench.codes[1], guesser)] {
      guard case .granted = try await attempt(bench, code, client) else {
        Issue.record("\(client) is locked out")
        return
      }
    }
    // A full bucket answers every wrong code alike, and gets no fuller.
    for _ in 0..<5 { #expect(try await attempt(bench, bench.codes[0], guesser) == waiting) }
    bench.clock.advance(by: limit.recoverySeconds)
    #expect(try await attempt(bench, bench.codes[0], guesser) == .refused)
    #expect(try await attempt(bench, bench.codes[0], guesser) == waiting)
  }

  @Test func attemptsAreForgottenAndNameNobody() async throws {
    let bench = try await RedemptionBench()
    let client = RedeemingClient(address: "192.0.2.77")
    _ = try await attempt(bench, RetrievalCode(from: bench.test.random), client)
    #expect(try await bench.test.count("SELECT 1 FROM attempts") == 1)
    for (name, content) in try bench.test.files() {
      #expect(content.range(of: Data("192.0.2.77".utf8)) == nil, "\(name)")
    }
    bench.clock.advance(by: 100_000)
    _ = try await attempt(bench, RetrievalCode(from: bench.test.random), RedeemingClient(address: "192.0.2.78"))
    #expect(try await bench.test.count("SELECT 1 FROM attempts") == 1)
  }
}
