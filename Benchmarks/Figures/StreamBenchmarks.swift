import Cryptography

/// Streams of 1 MiB segments, against AES-256-GCM of OpenSSL over as many octets.
enum StreamBenchmarks {
  private static let octets = StreamingAEAD.disc.segmentOctets

  static let all: [Benchmark] = [
    Benchmark(name: "stream: seal") { plan in
      let stream = try Stream()
      let bare = try BareCipher("AES-256-GCM", key: stream.key, encrypting: true)
      return [
        try Comparison(plan: plan).figure("seal 1 MiB segments : bare GCM", octets: octets) { count in
          try timing(count) { try stream.seal() }
        } reference: { count in
          timing(count) { bare.seal(stream.output) }
        }
      ]
    },
    Benchmark(name: "stream: open") { plan in
      let stream = try Stream()
      // Segment 0 is shorter; what is opened again and again is segment 1.
      try stream.seal()
      try stream.seal()
      stream.keepOutput()
      let bare = try BareCipher("AES-256-GCM", key: stream.key, encrypting: false)
      return [
        try Comparison(plan: plan).figure("open 1 MiB segments : bare GCM", octets: octets) { count in
          try timing(count) { try stream.open() }
        } reference: { count in
          timing(count) { bare.open(UnsafeRawBufferPointer(stream.kept), into: stream.output) }
        }
      ]
    },
  ]

  /// One stream, sealed and opened in memory of its own.
  private final class Stream {
    let key = [UInt8](repeating: 9, count: 32)
    let output = UnsafeMutableRawBufferPointer.allocate(byteCount: octets, alignment: 4_096)
    let kept = UnsafeMutableRawBufferPointer.allocate(byteCount: octets, alignment: 4_096)
    private let plaintext = UnsafeMutableRawBufferPointer.allocate(byteCount: octets, alignment: 4_096)
    private var sealer: StreamSealer
    private var opener: StreamOpener

    init() throws {
      let secret = Secret(copying: key)
      sealer = try StreamSealer(
        key: secret, associatedData: [], parameters: .disc, random: SeededRandom(seed: 1))
      opener = try StreamOpener(key: secret, associatedData: [], header: sealer.header, parameters: .disc)
      for memory in [output, kept, plaintext] { memory.initializeMemory(as: UInt8.self, repeating: 0x6B) }
    }

    deinit {
      for memory in [output, kept, plaintext] { memory.deallocate() }
    }

    func seal() throws {
      let part = UnsafeRawBufferPointer(rebasing: plaintext[..<sealer.nextCapacity])
      _ = try sealer.seal(part, isLast: false, into: output)
    }

    func keepOutput() { kept.copyMemory(from: UnsafeRawBufferPointer(output)) }

    func open() throws {
      _ = try opener.open(segment: 1, UnsafeRawBufferPointer(kept), isLast: false, into: output)
    }
  }
}
