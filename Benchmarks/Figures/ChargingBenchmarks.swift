import CardDriver
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets

/// Charging 100 codes in one batch (P6): secure channel, judgement, 100 records and the receipt in one atomic write, in
/// flash that costs nothing. The reference makes the OpenSSL calls alone: the exchange, SHA-256 of the batch, one CMAC.
enum ChargingBenchmarks {
  private static let codes = 100
  /// Charges that fit a card of 1,024 codes.
  private static let charges = 10

  static let all: [Benchmark] = [
    Benchmark(name: "charging: 100 codes") { plan in
      let batch = try batch(number: 1)
      let tape = try CommandTape(of: try FirmwareCard.issued()) { session in
        for number in 1...charges { try session.storeData(try object(UInt32(number))) }
      }
      let bare = try BareExchange(
        commandOctets: try object(1).count, responseOctets: ChargeReceipt.octetCount)
      let digest = try BareDigest()
      let mac = try BareCMAC(key: [UInt8](repeating: 3, count: 32))
      return [
        try Comparison(plan: plan).figure("charge 100 codes : OpenSSL calls") { count in
          try play(tape, count)
        } reference: { count in
          batch.withUnsafeBytes { batch in
            timing(count) {
              bare.run()
              digest.hash(batch)
              mac.authenticate(UnsafeRawBufferPointer(rebasing: batch[..<80]))
            }
          }
        }
      ]
    }
  ]

  /// Every tape wants a card that was never charged.
  private static func play(_ tape: CommandTape, _ count: Int) throws -> Duration {
    var time = Duration.zero
    var left = count
    while left > 0 {
      let part = min(left, tape.count)
      time += try tape.play(part, to: try FirmwareCard.issued())
      left -= part
    }
    return time
  }

  private static func object(_ number: UInt32) throws -> [UInt8] {
    BERTLV.encode(tag: UInt32(DataTag.chargeBatch.rawValue), value: try batch(number: number))
  }

  private static func batch(number: UInt32) throws -> [UInt8] {
    let random = SeededRandom(seed: UInt64(number))
    guard let softwareID = SoftwareID(octets: random.octets(SoftwareID.octetCount)) else {
      throw MeasurementError("the software id is none")
    }
    let records = (0..<codes).map { _ in
      ChargeRecord(code: random.octets(CardProtocol.codeOctets), generationKey: 1, softwareID: softwareID)
    }
    return try ChargeBatch(number: number, records: records).encoded()
  }
}
