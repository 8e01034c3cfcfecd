import DiscEmulator
import DriveFirmware
import DriveRig
import Foundation
import Identifiers

/// A disc behind nbdkit, against nbdkit's own memory plugin, both asked by the same foreign clients.
enum NBDBenchmarks {
  private static let requestOctets = 65_536

  static let all: [Benchmark] = [
    Benchmark(name: "NBD: 64 KiB requests") { plan in
      let exports = try Exports()
      let comparison = Comparison(plan: plan)
      return try [("reads", []), ("writes", ["-w"])].map { name, options in
        try comparison.figure("NBD, 64 KiB \(name) : memory", goal: .ratio(0.9), octets: requestOctets) { count in
          try exports.time(exports.disc, requests: count, options)
        } reference: { count in
          try exports.time(exports.memory, requests: count, options)
        }
      }
    },
    Benchmark(name: "NBD: nbdcopy") { plan in
      let exports = try Exports()
      let comparison = Comparison(plan: plan)
      return [
        try comparison.figure("nbdcopy from the disc : memory", goal: .ratio(0.9), octets: exports.octets) { count in
          try timing(count) { try exports.copy(exports.disc.uri(), "null:") }
        } reference: { count in
          try timing(count) { try exports.copy(exports.memory.uri(), "null:") }
        },
        try comparison.figure("nbdcopy to the disc : memory", goal: .ratio(0.9), octets: exports.octets) { count in
          try timing(count) { try exports.copy("content.raw", exports.disc.uri()) }
        } reference: { count in
          try timing(count) { try exports.copy("content.raw", exports.memory.uri()) }
        },
      ]
    },
  ]

  /// Both servers, at sockets of their own, with the same content.
  private final class Exports {
    let disc: NBDServer
    let memory: NBDServer
    /// Octets of each.
    let octets: Int
    private let folder: PrivateFolder

    init() throws {
      folder = try PrivateFolder()
      let geometry = DiscKind.mb128.geometry
      octets = Int(geometry.userOctets)
      guard let mediumID = MediumID(octets: Array("MEASURED MEDIUM!".utf8)) else {
        throw MeasurementError("There is no medium id.")
      }
      try EmulatedDisc.manufacture(
        at: folder("disc.img"), geometry: geometry, mediumID: mediumID, manufactured: 1_700_000_000)
      disc = try NBDServer(["disc=disc.img"], in: folder)
      memory = try NBDServer(["\(octets)"], plugin: "memory", in: folder)
      // Nothing is measured on memory and files that nobody has written yet.
      try folder.write(Data(repeating: 0x6B, count: octets), to: "content.raw")
      for server in [disc, memory] { try copy("content.raw", server.uri()) }
    }

    /// Copies everything, by nbdcopy.
    func copy(_ source: String, _ target: String) throws {
      try ForeignProgram.succeed(["nbdcopy", source, target], in: folder)
    }

    /// How long so many requests take one after the other on the disc, 32 of them under way, as qemu-img tells it.
    func time(_ server: NBDServer, requests: Int, _ options: [String]) throws -> Duration {
      let whole = octets / requestOctets * requestOctets
      let image =
        "driver=raw,size=\(whole),file.driver=nbd,file.server.type=unix,file.server.path=\(server.socket)"
      let outcome = try ForeignProgram.succeed(
        ["qemu-img", "bench", "-c", "\(requests)", "-d", "32", "-s", "\(requestOctets)", "-S", "\(requestOctets)"]
          + options + ["--image-opts", image], in: folder)
      guard let match = outcome.output.firstMatch(of: /completed in ([0-9.]+) seconds/), let seconds = Double(match.1)
      else { throw MeasurementError("qemu-img bench says no time: \(outcome.output)") }
      return .seconds(seconds)
    }
  }
}
