import ISO7816
import Octets
import TestSupport
import Testing

@Suite struct BERTLVTests {
  /// Tag, octets of value, the head that encoding must give.
  static let heads: [(UInt32, Int, String)] = [
    (0x4F, 0, "4F00"),
    (0x4F, 1, "4F01"),
    (0x80, 127, "807F"),
    (0x80, 128, "808180"),
    (0x80, 255, "8081FF"),
    (0x80, 256, "80820100"),
    (0x80, 65_535, "8082FFFF"),
    (0x80, 65_536, "8083010000"),
    (0x5F2D, 2, "5F2D02"),
    (0x9F7F, 200, "9F7F81C8"),
    (0x7F8120, 3, "7F812003"),
    (0x5F818220, 3, "5F81822003"),
  ]

  @Test(arguments: heads)
  func headsAreMinimalAndReadBack(_ tag: UInt32, _ count: Int, _ head: String) throws {
    let value = [UInt8](repeating: 0xA5, count: count)
    let octets = BERTLV.encode(tag: tag, value: value)
    #expect(Hex.encode(octets.prefix(head.count / 2)) == head)

    let buffer = OctetBuffer(capacity: octets.count)
    try buffer.appendTLV(tag: tag, value.span.bytes)
    #expect(buffer.withBytes { $0.octets } == octets)

    var reader = TLVReader(octets.span.bytes)
    let element = try reader.next()
    #expect(element.tag == tag)
    #expect(element.value.octets == value)
    let isAtEnd = reader.isAtEnd
    #expect(isAtEnd)
  }

  @Test(arguments: heads)
  func aBodyWrittenFirstGetsTheSameHead(_ tag: UInt32, _ count: Int, _ head: String) throws {
    let buffer = OctetBuffer(capacity: count + 16)
    try buffer.append(UInt8(0xEE))
    try buffer.appendTLV(tag: tag) { (inner) throws(OctetError) in
      for index in 0..<count { try inner.append(UInt8(truncatingIfNeeded: index)) }
    }
    let value = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
    #expect(buffer.withBytes { $0.octets } == [0xEE] + BERTLV.encode(tag: tag, value: value))
  }

  /// Octets that are no data object.
  static let malformed: [(String, OctetError)] = [
    ("", .truncated),
    ("4F", .truncated),
    ("4F02AA", .truncated),
    ("5F", .truncated),
    ("5F2D", .truncated),
    ("4F80AA0000", .invalid),  // indefinite length
    ("4F850000000001AA", .invalid),  // five octets of length
    ("4FFF", .invalid),
    ("4F84FFFFFFFF00", .truncated),  // a length beyond all octets
    ("4F8200", .truncated),
    ("0000", .invalid),  // tag 00
    ("5F808100", .invalid),  // leading zero bits in the tag number
    ("5F8182838400", .invalid),  // a tag of five octets
  ]

  @Test(arguments: malformed)
  func malformedObjectsAreRefused(_ octets: String, _ error: OctetError) throws {
    let octets = try #require(Hex.decode(octets))
    #expect(throws: error) {
      var reader = TLVReader(octets.span.bytes)
      _ = try reader.next().tag
    }
  }

  @Test func lengthsNeedNotBeMinimal() throws {
    let octets: [UInt8] = [0x4F, 0x84, 0, 0, 0, 1, 0xAA]
    var reader = TLVReader(octets.span.bytes)
    #expect(try reader.next().value.octets == [0xAA])
  }

  @Test func depthCostsNothing() throws {
    // 60,000 octets of objects each inside the other: read level by level.
    var octets: [UInt8] = []
    while octets.count < 20_000 { octets = BERTLV.encode(tag: 0x30, value: octets) }
    var depth = 0
    var level = octets
    while !level.isEmpty {
      var reader = TLVReader(level.span.bytes)
      level = try reader.next().value.octets
      depth += 1
    }
    #expect(depth > 5_000)
  }

  @Test func findsAValueAtTheTopLevel() throws {
    let inner = BERTLV.encode(tag: 0x84, value: [1, 2])
    let octets = BERTLV.encode(tag: 0x6F, value: inner) + BERTLV.encode(tag: 0x85, value: [3])
    #expect(try BERTLV.firstValue(of: 0x85, in: octets.span.bytes)?.octets == [3])
    #expect(try BERTLV.firstValue(of: 0x84, in: octets.span.bytes)?.octets == nil)
    let fci = try BERTLV.firstValue(of: 0x6F, in: octets.span.bytes)?.octets ?? []
    #expect(try BERTLV.firstValue(of: 0x84, in: fci.span.bytes)?.octets == [1, 2])
  }

  @Test func whatDoesNotFitLeavesNothing() {
    let value = [UInt8](repeating: 1, count: 127)
    let buffer = OctetBuffer(capacity: 128)
    #expect(throws: OctetError.full) { try buffer.appendTLV(tag: 0x80, value.span.bytes) }
    #expect(throws: OctetError.full) {
      try buffer.appendTLV(tag: 0x80) { (inner) throws(OctetError) in try inner.append(value.span.bytes) }
    }
    #expect(throws: OctetError.invalid) { try buffer.appendTLV(tag: 0x5F, value.span.bytes) }
    #expect(throws: OctetError.invalid) { try buffer.appendTLV(tag: 0x4F01, [UInt8]().span.bytes) }
    #expect(buffer.count == 0)
  }

  @Test func extendedLengthInformationInOctets() throws {
    let buffer = OctetBuffer(capacity: 32)
    try buffer.appendExtendedLengthInformation(.init(commandOctets: 4_096, responseOctets: 70_000))
    let octets = buffer.withBytes { $0.octets }
    #expect(Hex.encode(octets) == "7F6608" + "02021000" + "0202FFFF")
    let value = Array(octets.dropFirst(3))
    #expect(try limits(value) == .init(commandOctets: 4_096, responseOctets: 65_535))
  }

  @Test(arguments: [
    "", "02021000", "0202100002021000020210", "0402100002021000", "02000201AA", "0205000000000102021000",
  ])
  func otherExtendedLengthInformationIsRefused(_ octets: String) throws {
    let octets = try #require(Hex.decode(octets))
    #expect(throws: OctetError.self) { try limits(octets) }
  }

  @Test func anyOctetsAtAllAreReadOrRefused() {
    var random = Randomness("TLV octets")
    for _ in 0..<random.soak(20_000, full: 2_000_000) {
      let octets = random.octets(upTo: 40)
      var reader = TLVReader(octets.span.bytes)
      var total = 0
      do {
        while !reader.isAtEnd {
          let element = try reader.next()
          total += element.value.byteCount
          #expect(BERTLV.isWellFormed(element.tag))
        }
      } catch {}
      #expect(total <= octets.count)
    }
  }
}

private func limits(_ value: [UInt8]) throws(OctetError) -> ExtendedLengthInformation {
  try ExtendedLengthInformation(parsing: value.span.bytes)
}
