/// One side of a comparison whose operations wait, for a disk or for each other.
typealias WaitingSubject = (_ operations: Int) async throws -> Duration

extension Comparison {
  /// Operations per second of both, as medians over the rounds; of several references the fastest counts.
  func figure(
    _ name: String, goal: Goal? = nil, ours: @escaping WaitingSubject, references: [WaitingSubject]
  ) async throws -> Figure {
    let subjects = [ours] + references
    var counts: [Int] = []
    for subject in subjects { counts.append(try await warmUp(subject)) }
    var rates = [[Double]](repeating: [], count: subjects.count)
    for _ in 0..<plan.rounds {
      for (index, subject) in subjects.enumerated() {
        rates[index].append(Double(counts[index]) / (try await subject(counts[index]) / .seconds(1)))
      }
    }
    let reference = rates.dropFirst().map(\.median).max()
    return Figure(name, .perSecond, ours: rates[0].median, reference: reference, goal: goal, spread: rates[0].spread)
  }

  /// Runs the subject ever longer until it takes several rounds' time: what waits is weathered by more than the clock.
  private func warmUp(_ subject: WaitingSubject) async throws -> Int {
    let duration = plan.roundDuration * 8
    var count = 256
    while true {
      let time = try await subject(count)
      if time >= duration { return count }
      count = max(count + 1, min(count * 10, Int(Double(count) * (duration / max(time, .microseconds(1))) * 1.1)))
    }
  }
}
