import Octets
import SCSI
import TestSupport
import Testing

@Suite struct ResponseTests {
  static func encode(_ body: (OctetBuffer) throws(OctetError) -> Void) throws -> [UInt8] {
    let buffer = OctetBuffer(capacity: 1024)
    try body(buffer)
    return buffer.withBytes { $0.octets }
  }

  @Test func standardInquiryData() throws {
    let data = InquiryData(
      peripheralType: .opticalMemory, vendor: "FUJITSU", product: "MCM3130AP", revision: "0020",
      standards: [0x00A0, 0x0460])
    let octets = try ResponseTests.encode(data.append)
    #expect(
      octets == [0x07, 0x80, 0x06, 0x02, 69, 0, 0, 0x02] + Array("FUJITSU MCM3130AP       0020".utf8)
        + [UInt8](repeating: 0, count: 22) + [0x00, 0xA0, 0x04, 0x60] + [UInt8](repeating: 0, count: 12))
    #expect(try InquiryData(parsing: (octets + [1, 2, 3]).span.bytes) == data)
    #expect(throws: OctetError.truncated) { try InquiryData(parsing: Array(octets.prefix(35)).span.bytes) }
    var foreign = octets
    foreign[8...9] = [0xFF, 0x00]
    #expect(try InquiryData(parsing: foreign.span.bytes).vendor.description == "? JITSU")
  }

  @Test func vitalProductData() throws {
    let designators = [
      Designator(type: 1, codeSet: 2, octets: Array("WARIFU  MO".utf8)),
      Designator(type: 3, codeSet: 1, association: 1, octets: [0x30, 1, 2, 3, 4, 5, 6, 7]),
    ]
    let octets = try ResponseTests.encode { (buffer) throws(OctetError) in
      try buffer.appendVitalProductData(.deviceIdentification, of: .opticalMemory) { (buffer) throws(OctetError) in
        for designator in designators { try designator.append(to: buffer) }
      }
    }
    #expect(Array(octets.prefix(8)) == [0x07, 0x83, 0x00, 26, 0x02, 0x01, 0x00, 10])
    #expect(Array(octets[18..<22]) == [0x01, 0x13, 0x00, 8])
    let page = try VitalProductData(parsing: octets.span.bytes)
    #expect(page.page == 0x83)
    #expect(page.peripheralType == .opticalMemory)
    #expect(try Designator.list(parsing: page.content) == designators)
    for count in 0..<octets.count {
      #expect(throws: OctetError.truncated) {
        _ = try VitalProductData(parsing: Array(octets[..<count]).span.bytes).page
      }
    }
    #expect(throws: OctetError.truncated) { try lend([1, 1, 0, 9, 0]) { try Designator.list(parsing: $0) } }
  }

  @Test func capacities() throws {
    let disc = Capacity(blockCount: 248_826, blockSize: 512)
    let short = try ResponseTests.encode { (buffer) throws(OctetError) in try disc.append(shortTo: buffer) }
    #expect(Hex.encode(short) == "0003CBF9" + "00000200")
    #expect(try Capacity.parse(short: short.span.bytes) == disc)
    let long = try ResponseTests.encode { (buffer) throws(OctetError) in try disc.append(longTo: buffer) }
    #expect(Hex.encode(long) == "000000000003CBF900000200" + String(repeating: "00", count: 20))
    #expect(try Capacity(parsingLong: long.span.bytes) == disc)

    let large = Capacity(blockCount: 1 << 33, blockSize: 4096)
    let clamped = try ResponseTests.encode { (buffer) throws(OctetError) in try large.append(shortTo: buffer) }
    #expect(try Capacity.parse(short: clamped.span.bytes) == nil)
    let whole = try ResponseTests.encode { (buffer) throws(OctetError) in try large.append(longTo: buffer) }
    #expect(try Capacity(parsingLong: whole.span.bytes) == large)

    #expect(throws: OctetError.truncated) { try Capacity.parse(short: Array(short.dropLast()).span.bytes) }
    #expect(throws: OctetError.invalid) { try lend([0, 0, 0, 1, 0, 0, 0, 0]) { try Capacity.parse(short: $0) } }
    #expect(throws: OctetError.invalid) {
      try Capacity(parsingLong: [UInt8](repeating: 0xFF, count: 12).span.bytes)
    }
  }

  @Test func mediaSerialNumbers() throws {
    let number = MediaSerialNumber([1, 2, 3, 4, 5])
    #expect(number.octets == [1, 2, 3, 4, 5, 0, 0, 0])
    let octets = try ResponseTests.encode(number.append)
    #expect(octets == [0, 0, 0, 8, 1, 2, 3, 4, 5, 0, 0, 0])
    #expect(try MediaSerialNumber(parsing: octets.span.bytes) == number)
    #expect(try lend([0, 0, 0, 0]) { try MediaSerialNumber(parsing: $0) }.octets.isEmpty)
    #expect(throws: OctetError.truncated) { try MediaSerialNumber(parsing: Array(octets.dropLast()).span.bytes) }
    #expect(throws: OctetError.invalid) { try lend([0, 0, 0, 3, 1, 2, 3]) { try MediaSerialNumber(parsing: $0) } }
    #expect(throws: OctetError.invalid) { try lend([0xFF, 0xFF, 0xFF, 0xFC]) { try MediaSerialNumber(parsing: $0) } }
  }

  @Test(arguments: [false, true]) func modeParameters(isLong: Bool) throws {
    var parameters = ModeParameters(
      mediumType: .opticalRewritable, isWriteProtected: true, capacity: Capacity(blockCount: 310_352, blockSize: 2048),
      pages: [0x0A, 0x02, 0, 0])
    let octets = try ResponseTests.encode { (buffer) throws(OctetError) in
      try parameters.append(to: buffer, isLong: isLong)
    }
    let header = isLong ? "0012" + "03" + "90" + "0000" + "0008" : "0F" + "03" + "90" + "08"
    #expect(Hex.encode(octets) == header + "0004BC50" + "00000800" + "0A020000")
    #expect(try ModeParameters(parsing: octets.span.bytes, isLong: isLong) == parameters)
    parameters.capacity = nil
    parameters.pages = []
    let cut = Array(octets.prefix(isLong ? 10 : 6))
    #expect(try ModeParameters(parsing: cut.span.bytes, isLong: isLong) == parameters, "cut in the descriptor")
    #expect(throws: OctetError.truncated) {
      try ModeParameters(parsing: Array(octets.prefix(isLong ? 7 : 3)).span.bytes, isLong: isLong)
    }
  }

  @Test func modeParametersWithTheLongDescriptorAreRead() throws {
    let octets = try #require(Hex.decode("0016 03 00 0100 0010 0000000200000000 00000000 00000800"))
    #expect(
      try ModeParameters(parsing: octets.span.bytes, isLong: true).capacity
        == Capacity(blockCount: 0x2_0000_0000, blockSize: 2048))
  }

  @Test func randomOctetsAreAResponseOrAnError() {
    var random = Randomness("SCSI responses")
    for _ in 0..<10_000 {
      let highest: UInt8 = Bool.random(using: &random.generator) ? 255 : 8
      let octets = random.octets(upTo: 60).map { $0 % highest }
      let bytes = octets.span.bytes
      _ = try? InquiryData(parsing: bytes)
      _ = try? VitalProductData(parsing: bytes).content.octets
      _ = try? Designator.list(parsing: bytes)
      _ = try? Capacity.parse(short: bytes)
      _ = try? Capacity(parsingLong: bytes)
      _ = try? MediaSerialNumber(parsing: bytes)
      _ = try? ModeParameters(parsing: bytes, isLong: Bool.random(using: &random.generator))
    }
  }
}

/// Lends octets for as long as `body` runs.
func lend<R>(_ octets: [UInt8], _ body: (RawSpan) throws -> R) rethrows -> R { try body(octets.span.bytes) }
