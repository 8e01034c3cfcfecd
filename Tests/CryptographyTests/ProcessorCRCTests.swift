import Cryptography
import Octets
import SecureChannel
import Testing

/// The processor's checksum against the one by tables, which published vectors hold.
@Suite struct ProcessorCRCTests {
  @Test func itIsTheOneByTablesForAnyLength() {
    let octets = SeededRandom(seed: 21).octets(60_000)
    var lengths = Array(0...40) + [60_000]
    // Where one, two, three or more runs begin to fit.
    for runs in [1, 3, 6, 9, 12] { for more in [-9, -1, 0, 1, 8] { lengths.append(runs * 4_096 + more) } }
    for length in lengths {
      var fast = CRC32C()
      octets[..<length].withUnsafeBytes { fast.update(byProcessor: $0) }
      #expect(fast.value == CRC32C.checksum(octets.span.extracting(0..<length).bytes), "\(length) octets")
    }
  }

  @Test func partsOfAnyLengthMakeTheSame() {
    let cuts = SeededRandom(seed: 22)
    let octets = SeededRandom(seed: 23).octets(60_000)
    var crc = CRC32C()
    var rest = octets[...]
    while !rest.isEmpty {
      let part = rest.prefix(1 + Int(cuts.octets(1)[0]) * 71)
      part.withUnsafeBytes { crc.update(byProcessor: $0) }
      rest = rest.dropFirst(part.count)
    }
    #expect(crc.value == CRC32C.checksum(octets.span.bytes))
  }
}
