import Cryptography
import ISO7816
import Octets
import SecureChannel
import Testing

/// A host that codes its commands itself, as others' hosts do, with the session keys in the card's own engine.
private final class ForeignHost {
  let link: Link
  private var chaining: [UInt8]
  private var counter: UInt8 = 0

  init(_ mode: SecureChannelMode, _ level: SecurityLevel) throws {
    link = try Link(KeySet(octets: 16), mode, level)
    let authenticate = try link.host.externalAuthenticate(after: link.transmit(link.host.initializeUpdate()))
    _ = try link.transmit(authenticate)
    chaining = []
    chaining = try mac(
      [UInt8](repeating: 0, count: 16) + [0x84, 0x82, level.rawValue, 0, UInt8(2 * mode.octets)]
        + authenticate.data.prefix(mode.octets))
  }

  private func mac(_ message: [UInt8]) throws -> [UInt8] {
    var mac = Block(repeating: 0)
    let nothing: [UInt8] = []
    try link.card.engine.cmac(KeySet.sessionSlots.mac, message.span.bytes, nothing.span.bytes, into: &mac)
    return (0..<16).map { mac[$0] }
  }

  /// Sends `blocks` encrypted as they are, padded or not.
  func send(blocks: [UInt8]) throws -> StatusWord {
    counter += 1
    var data = blocks
    if !blocks.isEmpty {
      var vector = Block(repeating: 0)
      vector[15] = counter
      try link.card.engine.encryptBlock(KeySet.sessionSlots.enc, &vector)
      var span = data.mutableSpan
      var bytes = span.mutableBytes
      try link.card.engine.encryptCBC(KeySet.sessionSlots.enc, iv: vector, &bytes)
    }
    return try send(body: data)
  }

  /// Sends `body` as it is, under a right C-MAC.
  func send(body: [UInt8]) throws -> StatusWord {
    let octets = link.host.mode.octets
    chaining = try mac(chaining + [0x84, 0xE2, 0, 0, UInt8(body.count + octets)] + body)
    return try link.transmit(CommandAPDU(cla: 0x84, ins: 0xE2, data: body + chaining.prefix(octets))).status
  }
}

/// What other hosts do, and what none should.
@Suite struct ForeignHostTests {
  static let decryptionLevels = SecurityLevel.defined.filter { $0.contains(.commandDecryption) }
  static let oneBlock: [UInt8] = [0x80] + [UInt8](repeating: 0, count: 15)

  @Test(arguments: decryptionLevels, SecureChannelMode.allCases)
  func anEmptyBodyIsTakenPlainAndAsOneBlock(_ level: SecurityLevel, _ mode: SecureChannelMode) throws {
    // yubikey-manager pads and encrypts nothing to one block; Amendment D 6.2.6 sends nothing. Both count.
    let host = try ForeignHost(mode, level)
    #expect(try host.send(blocks: Self.oneBlock) == .ok)
    #expect(try host.send(blocks: []) == .ok)
    #expect(try host.send(blocks: Self.oneBlock) == .ok)
    #expect(try host.send(blocks: [1, 2, 3] + Self.oneBlock.prefix(13)) == .ok)
    #expect(host.link.card.executed.map(\.data) == [[], [], [], [1, 2, 3]])
  }

  static let badPadding: [[UInt8]] = [
    [UInt8](repeating: 0, count: 16),
    [UInt8](repeating: 0xFF, count: 16),
    oneBlock + [UInt8](repeating: 0, count: 16),
    [0x80] + [UInt8](repeating: 0, count: 14) + [1],
  ]

  @Test(arguments: decryptionLevels, badPadding)
  func wrongPaddingUnderARightMACIs6982(_ level: SecurityLevel, _ blocks: [UInt8]) throws {
    let host = try ForeignHost(.s8, level)
    #expect(try host.send(blocks: blocks) == .securityStatusNotSatisfied)
    #expect(!host.link.cardIsOpen)
    #expect(host.link.card.executed.isEmpty)
  }

  @Test(arguments: decryptionLevels, [1, 15, 17, 31])
  func aBrokenBlockUnderARightMACIs6982(_ level: SecurityLevel, _ count: Int) throws {
    let host = try ForeignHost(.s16, level)
    #expect(try host.send(body: [UInt8](repeating: 1, count: count)) == .securityStatusNotSatisfied)
    #expect(!host.link.cardIsOpen)
  }
}
