import Octets
import Testing

@Suite struct CRC32CTests {
  /// RFC 3720 B.4, and the usual check value over "123456789".
  static let vectors: [([UInt8], UInt32)] = [
    ([UInt8](repeating: 0, count: 32), 0x8A91_36AA), ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
    ([UInt8](0..<32), 0x46DD_794E), ([UInt8]((0..<32).reversed()), 0x113F_DB5C),
    (
      Hex.decode(
        "01c00000 00000000 00000000 00000000 14000000 00000400 00000014 00000018 28000000 00000000 02000000 00000000")
        ?? [], 0xD996_3A56
    ),
    (Array("123456789".utf8), 0xE306_9283), ([], 0),
  ]

  @Test(arguments: vectors) func publishedVectors(octets: [UInt8], checksum: UInt32) {
    #expect(CRC32C.checksum(octets.span.bytes) == checksum)
    var crc = CRC32C()
    for octet in octets { crc.update(octet) }
    #expect(crc.value == checksum)
    #expect(crc.value == checksum, "asking does not change it")
  }

  @Test func everyFlippedBitShows() {
    let octets = [UInt8](0..<64)
    let checksum = CRC32C.checksum(octets.span.bytes)
    for bit in 0..<512 {
      var changed = octets
      changed[bit / 8] ^= 1 << (bit % 8)
      #expect(CRC32C.checksum(changed.span.bytes) != checksum)
    }
  }
}

@Suite struct HexTests {
  @Test func spellsEveryOctet() {
    let all = [UInt8](0...255)
    let text = Hex.encode(all)
    #expect(text.hasPrefix("000102030405060708090A0B0C0D0E0F10") && text.hasSuffix("F9FAFBFCFDFEFF"))
    #expect(Hex.decode(text) == all)
    #expect(Hex.decode(text.lowercased()) == all)
  }

  @Test(
    arguments: [
      ("", []), ("00", [0]), ("fF", [255]), ("01 02:03", [1, 2, 3]), (" 01", [1]), ("01 ", [1]), ("0", nil),
      ("012", nil),
      ("0 1", nil), ("0:1", nil), ("0g", nil), ("zz", nil), ("0x01", nil), ("-1", nil), ("01\n", nil), ("٠١", nil),
      ("０１", nil), ("01\u{301}", nil),
    ] as [(String, [UInt8]?)]) func readsHexadecimalOnly(text: String, octets: [UInt8]?)
  {
    #expect(Hex.decode(text) == octets)
  }
}

@Suite struct ConstantTimeTests {
  @Test(
    arguments: [
      ([], [], true), ([1], [1], true), ([1], [2], false), ([1], [], false), ([], [1], false), ([1, 2], [1], false),
      ([0, 0, 1], [0, 0, 0], false), ([128, 0], [0, 0], false),
    ] as [([UInt8], [UInt8], Bool)]) func comparesWhole(a: [UInt8], b: [UInt8], isEqual: Bool)
  {
    let answer = constantTimeEqual(a.span.bytes, b.span.bytes)
    #expect(answer == isEqual)
  }

  @Test func anySingleBitCounts() {
    let octets = [UInt8](repeating: 0x5A, count: 32)
    for bit in 0..<256 {
      var changed = octets
      changed[bit / 8] ^= 1 << (bit % 8)
      let answer = constantTimeEqual(octets.span.bytes, changed.span.bytes)
      #expect(!answer, "bit \(bit)")
    }
  }
}
