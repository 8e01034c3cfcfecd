import CopyLicensing
import Cryptography
import Foundation
import Formats
import WarifuTesting

/// What a licence costs whoever copies or runs a title: the centre's signature over it, and the card's comparison of the
/// certificate code (M7), or its release of the content key besides (M10). Host and card are both in this process.
enum LicenseBenchmarks {
  /// What a check may take, in microseconds.
  private static let limit = 1_000.0

  static let all: [Benchmark] = [
    Benchmark(name: "licence check") { plan in
      let bench = try await Workbench.setUp()
      let file = bench.folder("title.bin")
      try Data(bench.random.octets(100_000)).write(to: URL(fileURLWithPath: file))
      let master = try await bench.pressMaster("master.iso", [(file, .text)])
      let session = try bench.session(try await bench.issueCard(), try bench.makeDisc("disc.mo"))
      try await bench.license(master.titles[0], in: session)
      try session.copy(master.titles[0], from: try LicensedMaster(opening: master.path, anchor: session.anchor))
      return try [
        figure("licence check to copy, median") { try session.certify(master.titles[0]) },
        figure("licence check to run, median") { _ = try session.open(master.titles[0]) },
      ]
    }
  ]

  private static func figure(_ name: String, _ check: () throws -> Void) throws -> Figure {
    let clock = ContinuousClock()
    // The first ones only warm up.
    let times = try (0..<600).map { _ in try clock.measure(check) / .microseconds(1) }.dropFirst(100)
    return Figure(
      name, .microseconds, ours: Array(times).quantile(0.5), goal: .atMost(limit), spread: Array(times).spread)
  }
}
