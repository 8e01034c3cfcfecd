import ISO7816
import Octets
import TestSupport
import Testing

/// One command in both its forms.
struct CommandCase: CustomTestStringConvertible, Sendable {
  let name: String
  let octets: String
  let command: CommandAPDU
  var testDescription: String { name }

  /// `count` octets 00, 01, 02, ...
  static func body(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0) } }

  static func hex(_ count: Int) -> String { Hex.encode(body(count)) }

  /// The cases of ISO/IEC 7816-4, 5.2, at their limits.
  static let all: [CommandCase] = [
    .init(name: "case 1", octets: "00A40400", command: .init(cla: 0, ins: 0xA4, p1: 4)),
    .init(name: "case 2 short, Le 1", octets: "00B0000001", command: .init(cla: 0, ins: 0xB0, le: 1)),
    .init(name: "case 2 short, Le 255", octets: "00B00000FF", command: .init(cla: 0, ins: 0xB0, le: 255)),
    .init(name: "case 2 short, Le 256", octets: "00B0000000", command: .init(cla: 0, ins: 0xB0, le: 256)),
    .init(name: "case 2 extended, Le 257", octets: "00B00000000101", command: .init(cla: 0, ins: 0xB0, le: 257)),
    .init(name: "case 2 extended, Le 65535", octets: "00B0000000FFFF", command: .init(cla: 0, ins: 0xB0, le: 65_535)),
    .init(name: "case 2 extended, Le 65536", octets: "00B00000000000", command: .init(cla: 0, ins: 0xB0, le: 65_536)),
    .init(name: "case 3 short, Lc 1", octets: "00D600000100", command: .init(cla: 0, ins: 0xD6, data: body(1))),
    .init(
      name: "case 3 short, Lc 255", octets: "00D60000FF" + hex(255),
      command: .init(cla: 0, ins: 0xD6, data: body(255))),
    .init(
      name: "case 3 extended, Lc 256", octets: "00D60000000100" + hex(256),
      command: .init(cla: 0, ins: 0xD6, data: body(256))),
    .init(
      name: "case 3 extended, Lc 65535", octets: "00D6000000FFFF" + hex(65_535),
      command: .init(cla: 0, ins: 0xD6, data: body(65_535))),
    .init(
      name: "case 4 short, Lc 2, Le 256", octets: "80500102" + "02000100",
      command: .init(cla: 0x80, ins: 0x50, p1: 1, p2: 2, data: body(2), le: 256)),
    .init(
      name: "case 4 extended for Le", octets: "80500102" + "00000200010101",
      command: .init(cla: 0x80, ins: 0x50, p1: 1, p2: 2, data: body(2), le: 257)),
    .init(
      name: "case 4 extended for Lc", octets: "80500000" + "000100" + hex(256) + "0001",
      command: .init(cla: 0x80, ins: 0x50, data: body(256), le: 1)),
    .init(
      name: "case 4 extended, all it can", octets: "80500000" + "00FFFF" + hex(65_535) + "0000",
      command: .init(cla: 0x80, ins: 0x50, data: body(65_535), le: 65_536)),
  ]
}

@Suite struct CommandAPDUTests {
  @Test(arguments: CommandCase.all)
  func encodesAndParses(_ example: CommandCase) throws {
    let octets = try #require(Hex.decode(example.octets))
    #expect(try example.command.encoded() == octets)
    #expect(try parsed(octets) == example.command)
  }

  @Test(arguments: CommandCase.all)
  func firmwareSeesTheSame(_ example: CommandCase) throws {
    let octets = try #require(Hex.decode(example.octets))
    let view = try seen(octets)
    let command = example.command
    #expect(
      view.header
        == CommandHeader(
          cla: command.cla, ins: command.ins, p1: command.p1, p2: command.p2, le: command.le,
          isExtended: command.needsExtendedLength))
    #expect(view.data == command.data)
  }

  @Test(arguments: [
    ("80500000" + "000002" + "0001" + "0100", 256, true), ("80500000" + "000002" + "0001" + "0000", 65_536, true),
  ])
  func extendedFormOfWhatWouldFitShort(_ octets: String, _ le: Int, _ isExtended: Bool) throws {
    let octets = try #require(Hex.decode(octets))
    let view = try seen(octets)
    #expect(view.header.le == le)
    #expect(view.header.isExtended == isExtended)
    #expect(view.data == [0, 1])
  }

  static let malformed: [(String, APDUError)] = [
    ("", .tooShort),
    ("00", .tooShort),
    ("00A404", .tooShort),
    ("00A40400" + "0201", .wrongLength),  // Lc 2, one octet of data
    ("00A40400" + "01" + "AA" + "0000", .wrongLength),  // two octets after the data of a short command
    ("00A40400" + "0000", .wrongLength),  // neither Le nor extended length
    ("00A40400" + "000000" + "01", .wrongLength),  // extended Lc of zero
    ("00A40400" + "000000" + "0100", .wrongLength),  // the same before an Le
    ("00A40400" + "000002" + "AA", .wrongLength),  // extended Lc 2, one octet of data
    ("00A40400" + "000002" + "AABB" + "00", .wrongLength),  // extended Lc with a short Le
    ("00A40400" + "000002" + "AABB" + "000000", .wrongLength),  // extended Lc with a three-octet Le
    ("00A40400" + "00FFFF" + "AABB", .wrongLength),
  ]

  @Test(arguments: malformed)
  func everyMalformedLengthIsRefused(_ octets: String, _ error: APDUError) throws {
    let octets = try #require(Hex.decode(octets))
    #expect(throws: error) { try parsed(octets) }
    #expect(firmwareRefusal(octets) == .wrongLength)
  }

  @Test func whatNoAPDUHolds() {
    #expect(throws: APDUError.dataTooLong) {
      try CommandAPDU(cla: 0, ins: 0, data: CommandCase.body(65_536)).encoded()
    }
    for le in [0, -1, 65_537, Int.max, Int.min] {
      #expect(throws: APDUError.leOutOfRange) { try CommandAPDU(cla: 0, ins: 0, le: le).encoded() }
    }
  }

  @Test func anyOctetsAtAllAreReadOrRefused() throws {
    var random = Randomness("APDU octets")
    for _ in 0..<random.soak(20_000, full: 2_000_000) {
      // Half of them with small length octets, so that many are well-formed.
      var octets = random.octets(upTo: 24)
      if octets.count > 6, Bool.random(using: &random.generator) {
        octets[4] = UInt8.random(in: 0...2, using: &random.generator)
        octets[5] = 0
        octets[6] = UInt8(octets.count % 16)
      }
      guard let command = try? parsed(octets) else {
        #expect(firmwareRefusal(octets) == .wrongLength)
        continue
      }
      let encoded = try command.encoded()
      #expect(try parsed(encoded) == command)
      #expect(encoded.count <= octets.count)
    }
  }

  @Test func anyCommandSurvivesTheWay() throws {
    var random = Randomness("APDU values")
    for _ in 0..<random.soak(5_000, full: 200_000) {
      let header = random.octets(count: 4)
      var command = CommandAPDU(cla: header[0], ins: header[1], p1: header[2], p2: header[3])
      command.data = random.octets(upTo: 600)
      if Bool.random(using: &random.generator) { command.le = Int.random(in: 1...65_536, using: &random.generator) }
      #expect(try parsed(command.encoded()) == command)
    }
  }
}

/// The command that these octets are.
private func parsed(_ octets: [UInt8]) throws(APDUError) -> CommandAPDU {
  try CommandAPDU(parsing: octets.span.bytes)
}

/// What the firmware sees in these octets.
private func seen(_ octets: [UInt8]) throws(StatusWord) -> (header: CommandHeader, data: [UInt8]) {
  let view = try CommandView(octets.span.bytes)
  return (view.header, view.data.octets)
}

/// What the firmware says to octets that are no command; `nil` if they are one.
private func firmwareRefusal(_ octets: [UInt8]) -> StatusWord? {
  do throws(StatusWord) { _ = try seen(octets) } catch { return error }
  return nil
}

@Suite struct ResponseAPDUTests {
  @Test func dataAndStatus() throws {
    let octets: [UInt8] = [1, 2, 3, 0x90, 0x00]
    let response = try ResponseAPDU(parsing: octets.span.bytes)
    #expect(response == ResponseAPDU(data: [1, 2, 3], status: .ok))
    #expect(response.encoded == octets)
  }

  @Test(arguments: [0, 1]) func withoutStatusIsRefused(_ count: Int) {
    let octets = [UInt8](repeating: 0x90, count: count)
    #expect(throws: APDUError.tooShort) { try ResponseAPDU(parsing: octets.span.bytes) }
  }

  @Test func theLongestAndOneMore() throws {
    let longest = [UInt8](repeating: 0, count: 65_536 + 2)
    #expect(try ResponseAPDU(parsing: longest.span.bytes).data.count == 65_536)
    let longer = longest + [0]
    #expect(throws: APDUError.wrongLength) { try ResponseAPDU(parsing: longer.span.bytes) }
  }
}
