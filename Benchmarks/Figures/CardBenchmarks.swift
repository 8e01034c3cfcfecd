import CardFirmware
import CardProtocol
import ISO7816
import Octets

/// What a plain command costs in the card: parser, life cycle, store, answer.
enum CardBenchmarks {
  static let all: [Benchmark] = [
    Benchmark(name: "card: GET DATA") { plan in
      let card = try FirmwareCard.issued()
      return [
        try compare(plan, card, .applicationStatus, "GET DATA status : one 16-octet CMAC"),
        try compare(plan, card, .licenseCertificate, "GET DATA 512 octets : 16-octet CMAC"),
      ]
    },
    Benchmark(name: "card: allocations") { _ in
      try AllocationProbe.allCases.map { probe in
        Figure("allocations per \(probe.subject)", .allocations, ours: try Allocations.perOperation(probe), goal: .zero)
      }
    },
  ]

  /// GET DATA needs no cryptography; the smallest useful OpenSSL call gives its cost a scale.
  private static func compare(
    _ plan: Plan, _ card: FirmwareCard, _ tag: DataTag, _ name: String
  ) throws -> Figure {
    var request = CommandAPDU.getData(tag)
    request.le = CommandAPDU.extendedLeLimit
    let command = try request.encoded()
    let mac = try BareCMAC(key: [UInt8](repeating: 1, count: 32))
    let message = [UInt8](repeating: 2, count: 16)
    let firmware = card.firmware
    let figure = try Comparison(plan: plan).figure(name, goal: .rate(1e6)) { count in
      timing(count) { firmware.process(command.span.bytes) }
    } reference: { count in
      message.withUnsafeBytes { message in timing(count) { mac.authenticate(message) } }
    }
    guard firmware.response.withBytes({ $0.octets.suffix(2) }) == [0x90, 0x00] else {
      throw MeasurementError("the card did not answer GET DATA")
    }
    return figure
  }
}
