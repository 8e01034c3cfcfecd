import Cryptography
import Formats

/// Copying a title by conversion keys from a master image onto a new 1.3 GB disc (M14), the card's opening of the keys
/// and the final wait for the disk included, against what ``CopyBenchmarks`` compares with and against one AES-256-GCM
/// open plus one seal of as many octets in memory.
enum ConversionBenchmarks {
  static let all: [Benchmark] = [
    Benchmark(name: "copy: convert title") { plan in
      let scene = try await CopyScene(plan, .conversion)
      let cipher = try OpenAndSeal()
      var ours: [Double] = []
      var copy: [Double] = []
      var digest: [Double] = []
      var crypto: [Double] = []
      for round in 0...plan.copyRounds {
        let times = (try await scene.round(round), cipher: cipher.run(octets: plan.titleOctets))
        // The first round only warms up.
        guard round > 0 else { continue }
        ours.append(scene.rate(times.0.title))
        copy.append(scene.rate(times.0.file))
        digest.append(scene.rate(times.0.digest))
        crypto.append(scene.rate(times.cipher))
      }
      let best = (
        ours: ours.max() ?? 0, copy: copy.max() ?? 0, digest: digest.max() ?? 0, crypto: crypto.max() ?? 0
      )
      let title = "convert \(plan.titleOctets >> 20) MiB title"
      let unit = Unit.mebibytesPerSecond
      return [
        Figure("\(title) : cp + sync", unit, ours: best.ours, reference: best.copy, spread: ours.spread),
        Figure("\(title) : sha256", unit, ours: best.ours, reference: best.digest, spread: ours.spread),
        Figure("\(title) : GCM open + seal", unit, ours: best.ours, reference: best.crypto, spread: ours.spread),
        Figure(
          "\(title) : slowest of them", unit, ours: best.ours,
          reference: min(best.copy, best.digest, best.crypto), goal: .ratio(0.8), spread: ours.spread),
      ]
    }
  ]

  /// One open and one seal of each mebibyte, in one buffer of memory, by OpenSSL calls alone.
  private final class OpenAndSeal {
    private let opener: BareCipher
    private let sealer: BareCipher
    private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4_096)

    init() throws {
      let key = [UInt8](repeating: 9, count: 32)
      opener = try BareCipher("AES-256-GCM", key: key, encrypting: false)
      sealer = try BareCipher("AES-256-GCM", key: key, encrypting: true)
      memory.initializeMemory(as: UInt8.self, repeating: 0x6B)
    }

    deinit { memory.deallocate() }

    func run(octets: Int) -> Duration {
      timing(octets / memory.count) {
        opener.open(UnsafeRawBufferPointer(memory), into: memory)
        sealer.seal(memory)
      }
    }
  }
}
