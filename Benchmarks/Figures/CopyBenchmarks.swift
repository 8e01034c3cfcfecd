import Formats

/// Copying a title from a master image onto a new 1.3 GB disc (M7, M8), certification and the final wait for the disk
/// included, against `cp` and `sync` of as large a file in the same folder, and against one `openssl dgst -sha256` of it.
///
/// The sources are in the page cache, for everybody; what is written is new each time, for everybody.
enum CopyBenchmarks {
  static let all: [Benchmark] = [
    Benchmark(name: "copy: title") { plan in
      let scene = try await CopyScene(plan, .certificate)
      var ours: [Double] = []
      var copy: [Double] = []
      var digest: [Double] = []
      for round in 0...plan.copyRounds {
        let times = try await scene.round(round)
        // The first round only warms up.
        guard round > 0 else { continue }
        ours.append(scene.rate(times.title))
        copy.append(scene.rate(times.file))
        digest.append(scene.rate(times.digest))
      }
      let best = (ours: ours.max() ?? 0, copy: copy.max() ?? 0, digest: digest.max() ?? 0)
      let title = "copy \(plan.titleOctets >> 20) MiB title"
      let unit = Unit.mebibytesPerSecond
      return [
        Figure("\(title) : cp + sync", unit, ours: best.ours, reference: best.copy, spread: ours.spread),
        Figure("\(title) : sha256", unit, ours: best.ours, reference: best.digest, spread: ours.spread),
        Figure(
          "\(title) : slower of them", unit, ours: best.ours, reference: min(best.copy, best.digest),
          goal: .ratio(0.8), spread: ours.spread),
      ]
    }
  ]
}
