import DiscEmulator
import DriveFirmware
import DriveRig
import Foundation

/// The drive over iSCSI against `tgtd` as Debian ships it, with the same client on the same machine: both serve a file
/// in the page cache.
enum ISCSIBenchmarks {
  private static let requestOctets = 65_536

  static let all: [Benchmark] = [
    Benchmark(name: "iSCSI: 64 KiB requests") { plan in
      let target = try PrivateTarget(geometry: .gb1_3)
      defer { target.stop() }
      let reference = try ReferenceTarget(octets: Int(MediumGeometry.gb1_3.userOctets))
      defer { reference.stop() }
      // Nothing is measured on files that nobody has written yet.
      for url in [target.url(), reference.url] { _ = try time(url, requests: 4_096, ["-w"]) }
      let comparison = Comparison(plan: plan)
      return try [("reads", []), ("writes", ["-w"])].map { name, options in
        try comparison.figure("iSCSI, 64 KiB \(name) : tgt", goal: .ratio(1), octets: requestOctets) { count in
          try time(target.url(), requests: count, options)
        } reference: { count in
          try time(reference.url, requests: count, options)
        }
      }
    }
  ]

  /// How long so many requests take, 32 of them under way, as qemu-img tells it; from the disc's start again after
  /// 256 MiB.
  private static func time(_ url: String, requests: Int, _ options: [String]) throws -> Duration {
    var time = Duration.zero
    var rest = requests
    while rest > 0 {
      let part = min(rest, 4_096)
      rest -= part
      let answer = try ISCSIProgram.run(
        "qemu-img", ["bench", "-f", "raw", "-c", "\(part)", "-d", "32", "-s", "\(requestOctets)"] + options + [url])
      guard let match = answer.text.firstMatch(of: /completed in ([0-9.]+) seconds/), let seconds = Double(match.1)
      else { throw MeasurementError("qemu-img bench says no time: \(answer.text)") }
      time += .seconds(seconds)
    }
    return time
  }
}
