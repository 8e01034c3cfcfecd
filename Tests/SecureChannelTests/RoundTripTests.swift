import ISO7816
import Octets
import SecureChannel
import TestSupport
import Testing

/// Key length, mode and level of a session.
struct SessionKind: CustomTestStringConvertible, Sendable {
  let keyOctets: Int
  let mode: SecureChannelMode
  let level: SecurityLevel
  var testDescription: String { "AES-\(keyOctets * 8) \(mode) level \(level)" }

  static let all: [SessionKind] = [16, 24, 32].flatMap { keyOctets in
    SecureChannelMode.allCases.flatMap { mode in
      SecurityLevel.defined.map { SessionKind(keyOctets: keyOctets, mode: mode, level: $0) }
    }
  }

  /// The most octets of plain command data that fit one APDU.
  var dataLimit: Int {
    guard level.contains(.commandMAC) else { return 65_535 }
    let room = 65_535 - mode.octets
    return level.contains(.commandDecryption) ? room / 16 * 16 - 1 : room
  }
}

@Suite struct RoundTripTests {
  private func body(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) } }

  @Test(arguments: SessionKind.all)
  func everySizeGoesThere(_ kind: SessionKind) throws {
    let link = try Link(KeySet(octets: kind.keyOctets), kind.mode, kind.level)
    try link.open()
    #expect(link.cardLevel == kind.level)
    link.card.application = { _, _ in ResponseAPDU(status: .ok) }
    for count in [0, 1, 15, 16, 17, 255, 256, 4_000, kind.dataLimit] {
      let command = CommandAPDU(cla: 0x80, ins: 0xE2, p1: 1, p2: 2, data: body(count))
      #expect(try link.exchange(command) == ResponseAPDU(status: .ok))
      #expect(link.card.executed.last == command, "\(count) octets")
    }
  }

  @Test(arguments: SessionKind.all)
  func everySizeComesBack(_ kind: SessionKind) throws {
    let link = try Link(KeySet(octets: kind.keyOctets), kind.mode, kind.level)
    try link.open()
    for count in [0, 1, 15, 16, 17, 255, 256, 4_000, 65_500] {
      let answer = ResponseAPDU(data: body(count), status: count.isMultiple(of: 2) ? .ok : .selectedFileInvalidated)
      link.card.application = { _, _ in answer }
      #expect(try link.exchange(CommandAPDU(cla: 0x00, ins: 0xCA, le: 65_536)) == answer, "\(count) octets")
    }
  }

  @Test(arguments: SessionKind.all.filter { $0.level.contains(.commandMAC) })
  func oneOctetTooManyIsRefusedAndHarmsNothing(_ kind: SessionKind) throws {
    let link = try Link.opened(octets: kind.keyOctets, kind.mode, kind.level)
    let command = CommandAPDU(cla: 0x80, ins: 0xE2, data: body(kind.dataLimit + 1))
    #expect(throws: SecureChannelError.commandTooLong) { try link.host.wrap(command) }
    #expect(throws: SecureChannelError.commandTooLong) {
      try link.host.wrap(CommandAPDU(cla: 0x80, ins: 0xE2, le: 65_537))
    }
    #expect(link.isAlive)
  }

  @Test(arguments: [UInt8(0), 1, 3, 4, 11, 19])
  func everyKindOfChannelNumber(_ channel: UInt8) throws {
    let link = try Link(KeySet(octets: 16), .s8, .full, channel: channel)
    try link.open()
    let cla = try #require(ClassByte(isProprietary: true, channel: channel))
    let command = CommandAPDU(cla: cla.rawValue, ins: 0xE2, data: [1, 2, 3])
    #expect(try link.exchange(command).data == [1, 2, 3])
    #expect(link.card.executed == [command])
  }

  @Test func manyCommandsInOneSession() throws {
    var random = Randomness("exchanges")
    let link = try Link.opened(octets: 32, .s16, .full)
    for _ in 0..<random.soak(500, full: 100_000) {
      let data = random.octets(upTo: 300)
      let command = CommandAPDU(cla: 0x80, ins: 0xE2, data: data, le: 65_536)
      #expect(try link.exchange(command) == ResponseAPDU(data: data, status: .ok))
    }
  }

  @Test(arguments: SecureChannelMode.allCases)
  func pseudoRandomChallengesOpenToo(_ mode: SecureChannelMode) throws {
    let link = try Link(KeySet(octets: 16), mode, .full)
    link.card.sequenceCounter = (0xFF_FFFF, [0xA0, 0, 0, 1, 0x51, 0, 0, 0])
    try link.open()
    #expect(link.host.card?.sequenceCounter == 0xFF_FFFF)
    #expect(link.host.card?.options.rawValue == (mode == .s8 ? 0x70 : 0x71))
    #expect(link.isAlive)
  }
}
