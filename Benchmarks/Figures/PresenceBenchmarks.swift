import CardEmulator

/// An emulated card through pcscd and vpcd as Debian ships them, against a C card that answers at once, in the same daemon;
/// and what many cards take.
enum PresenceBenchmarks {
  static let all: [Benchmark] = [
    Benchmark(name: "presence: cards over PC/SC") { plan in
      // One daemon for all: a process finds its way to pcscd once.
      let readers = try CardReaders(slots: 16)
      defer { readers.stop() }
      let figures = try oneCard(plan, readers)
      try readers.waitUntilEmpty(0..<2)
      return figures + [try manyCards(plan, readers, count: 16)]
    },
    Benchmark(name: "presence: 1,000 cards in one process") { _ in
      [
        Figure(
          "1,000 issued cards, resident", .mebibytes, ours: try CardCrowd.residentMebibytes(), goal: .atMost(200))
      ]
    },
  ]

  /// Commands in turns, so that both cards meet the same weather.
  private static func oneCard(_ plan: Plan, _ readers: CardReaders) throws -> [Figure] {
    let insertions = try readers.insertOurs(into: 0..<1)
    let references = try readers.insertReferences(into: 1..<2)
    defer {
      for insertion in insertions { insertion.stop() }
      for reference in references { reference.remove() }
    }
    let (ours, reference) = (try readers.connect(to: 0), try readers.connect(to: 1))
    var times: (ours: [Double], reference: [Double]) = ([], [])
    for _ in 0..<plan.readerTurns {
      times.ours += try CardReaders.time(100, over: ours)
      times.reference += try CardReaders.time(100, over: reference)
    }
    let goals: [(String, Double, Goal)] = [("median", 0.5, .ratioAtMost(1.2)), ("p99", 0.99, .ratioAtMost(2))]
    return goals.map { name, part, goal in
      Figure(
        "PC/SC APDU, \(name) : C card", .microseconds, ours: times.ours.quantile(part),
        reference: times.reference.quantile(part), goal: goal)
    }
  }

  /// Rounds in turns; between them the cards change places.
  private static func manyCards(_ plan: Plan, _ readers: CardReaders, count: Int) throws -> Figure {
    let slots = 0..<count
    var rates: (ours: [Double], reference: [Double]) = ([], [])
    for _ in 0..<plan.readerRounds {
      let insertions = try readers.insertOurs(into: slots)
      rates.ours.append(try throughput(plan, readers, slots))
      for insertion in insertions { insertion.stop() }
      try readers.waitUntilEmpty(slots)

      let references = try readers.insertReferences(into: slots)
      rates.reference.append(try throughput(plan, readers, slots))
      for reference in references { reference.remove() }
      try readers.waitUntilEmpty(slots)
    }
    return Figure(
      "PC/SC, \(count) cards at once : C cards", .perSecond, ours: rates.ours.median, reference: rates.reference.median,
      goal: .ratio(0.75), spread: rates.ours.spread)
  }

  private static func throughput(_ plan: Plan, _ readers: CardReaders, _ slots: Range<Int>) throws -> Double {
    let transports = try slots.map { try readers.connect(to: $0) }
    // The first commands wake everybody.
    _ = try CardReaders.throughput(of: transports, during: plan.roundDuration)
    return try CardReaders.throughput(of: transports, during: plan.roundDuration * 20)
  }
}
