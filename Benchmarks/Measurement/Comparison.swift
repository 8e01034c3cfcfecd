/// One side of a comparison: performs so many operations and answers how long they took. What it prepares before does
/// not count.
typealias Subject = (_ operations: Int) throws -> Duration

/// Measures two subjects in turns.
struct Comparison {
  let plan: Plan

  /// Operations per second of both, as medians over the rounds.
  ///
  /// - Parameter octets: octets an operation processes, to answer mebibytes per second instead.
  func figure(
    _ name: String, goal: Goal? = nil, octets: Int? = nil, ours: Subject, reference: Subject
  ) throws -> Figure {
    let counts = (ours: try warmUp(ours), reference: try warmUp(reference))
    var rates: (ours: [Double], reference: [Double]) = ([], [])
    for _ in 0..<plan.rounds {
      rates.ours.append(Double(counts.ours) / (try ours(counts.ours) / .seconds(1)))
      rates.reference.append(Double(counts.reference) / (try reference(counts.reference) / .seconds(1)))
    }
    let scale = octets.map { Double($0) / 1_048_576 } ?? 1
    return Figure(
      name, octets == nil ? .perSecond : .mebibytesPerSecond, ours: rates.ours.median * scale,
      reference: rates.reference.median * scale, goal: goal, spread: rates.ours.spread)
  }

  /// Runs the subject ever longer until it takes a round's time.
  ///
  /// - Returns: the operations that fill a round.
  private func warmUp(_ subject: Subject) throws -> Int {
    var count = 1
    while true {
      let time = try subject(count)
      if time >= plan.roundDuration { return count }
      let missing = plan.roundDuration / max(time, .nanoseconds(100))
      count = max(count + 1, min(count * 10, Int(Double(count) * missing * 1.1)))
    }
  }
}

/// Repeats `body` so many times and answers how long that took.
@inline(__always)
func timing(_ count: Int, _ body: () throws -> Void) rethrows -> Duration {
  try ContinuousClock().measure {
    for _ in 0..<count { try body() }
  }
}

extension [Double] {
  /// The middle value.
  var median: Double { quantile(0.5) }

  /// Distance of the quartiles as part of the median.
  var spread: Double { (quantile(0.75) - quantile(0.25)) / median }

  /// The value below which this part of all lies.
  func quantile(_ part: Double) -> Double {
    let ascending = sorted()
    let position = part * Double(count - 1)
    let low = Int(position)
    let high = Swift.min(low + 1, count - 1)
    return ascending[low] + (ascending[high] - ascending[low]) * (position - Double(low))
  }
}
