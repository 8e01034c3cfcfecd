import CopyLicensing
import Cryptography
import DriveFirmware
import Foundation
import Formats
import Identifiers
import WarifuTesting

/// Copying a title from a master image onto a new 1.3 GB disc (M7, M8), certification and the final wait for the disk
/// included, against `cp` and `sync` of as large a file in the same folder, and against one `openssl dgst -sha256` of it.
///
/// The sources are in the page cache, for everybody; what is written is new each time, for everybody.
enum CopyBenchmarks {
  static let all: [Benchmark] = [
    Benchmark(name: "copy: title") { plan in
      let scene = try await Scene(plan)
      var ours: [Double] = []
      var copy: [Double] = []
      var digest: [Double] = []
      for round in 0...plan.copyRounds {
        let times = (try await scene.copyTitle(round), try scene.copyFile(), try scene.digestFile())
        // The first round only warms up.
        guard round > 0 else { continue }
        ours.append(scene.rate(times.0))
        copy.append(scene.rate(times.1))
        digest.append(scene.rate(times.2))
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

  /// One title on a master disc, and a file of the same octets beside it.
  private struct Scene {
    private let bench: Workbench
    private let card: Workbench.IssuedCard
    private let master: (path: String, titles: [SoftwareID])
    private let file: String
    private let octets: Int

    init(_ plan: Plan) async throws {
      bench = try await Workbench.setUp()
      card = try await bench.issueCard()
      octets = plan.titleOctets
      file = bench.folder("title.bin")
      guard FileManager.default.createFile(atPath: file, contents: nil) else {
        throw MeasurementError("no file can be made in \(bench.folder.path)")
      }
      let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
      for _ in 0..<(octets >> 20) { try handle.write(contentsOf: Data(bench.random.octets(1 << 20))) }
      try handle.synchronize()
      try handle.close()
      master = try await bench.pressMaster("master.iso", [(file, .program)])
    }

    /// Licenses the title for a new disc and copies it there.
    func copyTitle(_ round: Int) async throws -> Duration {
      let disc = try bench.makeDisc("disc-\(round).mo", geometry: .gb1_3)
      defer { try? FileManager.default.removeItem(atPath: disc.path) }
      let session = try bench.session(card, disc)
      try await bench.license(master.titles[0], in: session)
      let source = try LicensedMaster(opening: master.path, anchor: session.anchor)
      try run("sync", disc.path, master.path)
      return try ContinuousClock().measure { try session.copy(master.titles[0], from: source) }
    }

    /// `cp` and `sync` of the file alone.
    func copyFile() throws -> Duration {
      let copy = file + ".copy"
      defer { try? FileManager.default.removeItem(atPath: copy) }
      return try ContinuousClock().measure {
        try run("cp", file, copy)
        try run("sync", copy)
      }
    }

    func digestFile() throws -> Duration {
      try ContinuousClock().measure { try run("openssl", "dgst", "-sha256", file) }
    }

    func rate(_ time: Duration) -> Double { Double(octets) / 1_048_576 / (time / .seconds(1)) }

    private func run(_ command: String...) throws {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = command
      process.standardOutput = FileHandle.nullDevice
      try process.run()
      process.waitUntilExit()
      guard process.terminationStatus == 0 else { throw MeasurementError("'\(command[0])' failed") }
    }
  }
}
