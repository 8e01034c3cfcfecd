import CenterServer
import Foundation
import Formats
import TestSupport
import Testing

@testable import LicenseCenter

/// How long it takes until somebody hears that a code is good for nothing, over HTTP: it does not say why.
@Suite(.serialized) struct CodeTimingTests {
  private enum Dud: String, CaseIterable { case unknown, inUse, used, expired, voided }

  @Test func timesTellNothingOfWhatIsWrongWithACode() async throws {
    var chance = Randomness("times of refusals over HTTP")
    let rounds = chance.soak(60, full: 2000)
    var options = ServingOptions.patient
    options.limits.requestsPerSecond = 1e9
    options.limits.burst = 1e9
    try await TestServer.run(options, keepsAnswers: true) { server in
      let codes = try await duds(server)
      var times: [Dud: [Double]] = [:]
      for round in 0..<rounds {
        // Whoever tries too often is told to wait, whatever he tries: not what is measured here.
        try await server.center.context.database.write { _ = try $0.run("DELETE FROM attempts", []) }
        for dud in Dud.allCases.shuffled(using: &chance.generator) {
          let code = try #require(codes[dud])
          let (status, time) = try await converse(with: server.port) { connection in
            // The connection is up before the clock starts.
            connection.send(ClientRequest(target: "/health").text)
            _ = try connection.answer()
            let body = #"{"code":"\#(code.text)"}"#
            let request = ClientRequest(method: "POST", target: "/v1/redemptions", key: TestServer.key(), body: body)
            let begin = ContinuousClock.now
            connection.send(request.text)
            let status = try connection.answer().status
            return (status, ContinuousClock.now - begin)
          }
          #expect(status == 422)
          if round > 0 { times[dud, default: []].append(time / .microseconds(1)) }
        }
      }
      report(times)
    }
  }

  private func report(_ times: [Dud: [Double]]) {
    let unknown = times[.unknown] ?? []
    for dud in Dud.allCases {
      let sorted = (times[dud] ?? []).sorted()
      let figures = [0.1, 0.25, 0.5, 0.75, 0.9].map { Int(sorted[Int(Double(sorted.count - 1) * $0)]) }
      let rank = rank(sorted, among: unknown)
      print(
        "refused over HTTP, \(dud.rawValue): 10% \(figures[0]), 25% \(figures[1]), 50% \(figures[2]), 75% \(figures[3]), "
          + "90% \(figures[4]) µs; slower than unknown \(Int((rank * 100).rounded())) times of 100")
      // Of a coin it would be 50. Limits are generous, since other programs run beside this one.
      #expect((0.25...0.75).contains(rank), "\(dud.rawValue): \(rank)")
    }
    let medians = times.values.map { $0.sorted()[$0.count / 2] }
    let (least, most) = (medians.min() ?? 0, medians.max() ?? 0)
    #expect(most < 2 * least + 1000, "medians from \(least) to \(most) µs")
  }

  /// How often one of `times` is greater than one of `others` (Mann and Whitney's U over the number of pairs).
  private func rank(_ times: [Double], among others: [Double]) -> Double {
    let wins = times.map { time in
      others.reduce(0.0) { $0 + ($1 < time ? 1 : $1 == time ? 0.5 : 0) }
    }
    return wins.reduce(0, +) / Double(max(1, times.count * others.count))
  }

  private func duds(_ server: TestServer) async throws -> [Dud: RetrievalCode] {
    let wares = try await server.wares(codes: 3)
    let expired = try await server.wares(codes: 1, conditions: CodeConditions(expiry: StandingClock().now() - 1))
    _ = try await server.ticket(wares.codes[0])
    _ = try await server.finish(try await server.ticket(wares.codes[1]), wares.title)
    try await server.center.seatRecovery.retire(wares.codes[2])
    return [
      .unknown: RetrievalCode(from: server.random), .inUse: wares.codes[0], .used: wares.codes[1],
      .expired: expired.codes[0], .voided: wares.codes[2],
    ]
  }
}
