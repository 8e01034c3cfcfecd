import CardDriver
import CardProtocol
import ISO7816
import Octets

/// The card's side of SCP03 at level 33 (AES-256, S8), against exactly the OpenSSL calls in it. The host wraps beforehand.
enum ChannelBenchmarks {
  /// An exchange may cost three times its OpenSSL calls.
  private static let goal = Goal.ratio(1.0 / 3)

  static let all: [Benchmark] = [
    Benchmark(name: "SCP03: exchange") { plan in
      try [16, 256].map { octets in
        let channel = try EchoChannel(octets: octets, exchanges: 1_000)
        let bare = try BareExchange(commandOctets: octets, responseOctets: octets)
        return try Comparison(plan: plan).figure(
          "SCP03 33, \(octets) octets : OpenSSL calls", goal: goal, ours: { try channel.play($0) },
          reference: { timing($0) { bare.run() } })
      }
    },
    Benchmark(name: "SCP03: GET DATA") { plan in
      let card = try FirmwareCard.issued()
      var octets = 0
      let tape = try CommandTape(of: card) { session in
        for _ in 0..<1_000 {
          octets = try session.data(.getData(.applicationStatus), operation: "measure").count
        }
      }
      let bare = try BareExchange(commandOctets: 0, responseOctets: octets)
      return [
        try Comparison(plan: plan).figure(
          "SCP03 33, GET DATA : OpenSSL calls", goal: goal, ours: { try tape.play($0, to: card) },
          reference: { timing($0) { bare.run() } })
      ]
    },
  ]
}
