/// Charging many cards with 10 codes each: the centre with its books, durable on the disk, beside the channel and the
/// batch alone on cards of the same kind. Once on cards in memory, which keep nothing when the power goes and so cost what
/// they compute alone, and once on cards in files, which like the books answer when what they were told is on the disk.
enum CardChargeBenchmarks {
  private static let cards = 1_000
  private static let callers = 256
  private static let hosts = 64
  /// A card of this kind takes six such charges.
  private static let rounds = 3

  static let all: [Benchmark] = [
    Benchmark(name: "centre: charging 1,000 cards") { _ in
      let bench = try await ChargedCards(cards: cards)
      var rates: (service: [Double], network: [Double], bare: [Double]) = ([], [], [])
      for _ in 0..<rounds {
        rates.service.append(rate(try await bench.charge(callers: callers)))
        rates.bare.append(rate(try await bench.bareChannel(callers: callers)))
        rates.network.append(rate(try await bench.chargeOverHTTP(hosts: hosts)))
      }
      return [
        Figure(
          "charge 10 codes, \(cards) cards : bare SCP03", .perSecond, ours: rates.service.median,
          reference: rates.bare.median, goal: .ratio(0.3), spread: rates.service.spread),
        Figure(
          "the same over HTTP, \(hosts) hosts : bare SCP03", .perSecond, ours: rates.network.median,
          reference: rates.bare.median, spread: rates.network.spread),
      ]
    },
    Benchmark(name: "centre: charging 1,000 cards in files") { _ in
      let bench = try await ChargedCards(cards: cards, areInFiles: true)
      var (service, bare): ([Double], [Double]) = ([], [])
      for _ in 0..<rounds {
        service.append(rate(try await bench.charge(callers: callers)))
        bare.append(rate(try await bench.bareChannel(callers: callers)))
      }
      return [
        Figure(
          "charge 10 codes, \(cards) durable cards : bare SCP03", .perSecond, ours: service.median,
          reference: bare.median, goal: .ratio(0.3), spread: service.spread)
      ]
    },
  ]

  private static func rate(_ time: Duration) -> Double { Double(cards) / (time / .seconds(1)) }
}
