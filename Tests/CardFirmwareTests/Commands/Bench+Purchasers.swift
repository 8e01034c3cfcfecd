import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import SecureChannel
import Testing

/// Another purchaser's card beside the issued one: its own serial, individual key and codes.
extension Bench {
  static let otherSerial: InlineArray<8, UInt8> = [0x57, 9, 8, 7, 6, 5, 4, 3]
  static let otherIndividualKey = SeededRandom(seed: 140).octets(32)

  /// A card of another purchaser, secured, with PIN and PUK of the issued one.
  ///
  /// - Parameters:
  ///   - generationKeys: keys from number 1 on; the same as on the issued card, or others.
  ///   - records: its codes.
  static func otherPurchaser(
    generationKeys: [[UInt8]] = Bench.generationKeys, records: [ChargeRecord] = []
  ) throws -> Bench {
    let bench = try blank(serial: otherSerial)
    let transport = try bench.open(version: KeyVersion.transportSet)
    try #require(transport.status(try transport.putKey(KeyVersion.individualKey, otherIndividualKey)) == .ok)
    let session = try bench.open(keys: try individualSet(of: otherSerial, otherIndividualKey))
    for (index, key) in generationKeys.enumerated() {
      let command = try session.putKey(KeyVersion.generationKeyBase + 1 + UInt8(index), key)
      try #require(session.status(command) == .ok)
    }
    let objects = object(.referenceData, pin + puk) + (records.isEmpty ? [] : try charge(1, records))
    try #require(session.store(objects).status == .ok)
    bench.reset()
    return bench
  }

  /// The serial of that card.
  static var otherCard: CardSerial {
    get throws {
      let octets = otherSerial
      return try #require(CardSerial(octets: octets.span.bytes.octets))
    }
  }
}
