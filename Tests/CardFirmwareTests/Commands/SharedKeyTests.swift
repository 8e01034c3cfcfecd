import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import SecureChannel
import Testing

/// K3, the key for two purchasers (P18): the seller wraps it under keys of both cards, A relays B's wrap, and only the
/// addressee opens.
@Suite struct SharedKeyTests {
  private static let number: UInt32 = 7
  private static let content = SeededRandom(seed: 151).octets(32)

  /// Two cards with their PINs verified, and K3 as the seller wrapped it for each.
  private struct Pair {
    let a: Bench, b: Bench
    let serialA: CardSerial, serialB: CardSerial
    let forA: [UInt8], forB: [UInt8]

    init(number: UInt32 = SharedKeyTests.number) throws {
      a = try Bench.issued()
      b = try Bench.otherPurchaser()
      (serialA, serialB) = (try a.serial, try Bench.otherCard)
      let k3 = Secret(copying: SeededRandom(seed: 150).octets(32))
      forA = try SharedKey.wrap(
        k3, for: serialA, with: serialB, number: number, individualKey: Secret(copying: Bench.individualKey))
      forB = try SharedKey.wrap(
        k3, for: serialB, with: serialA, number: number, individualKey: Secret(copying: Bench.otherIndividualKey))
      try a.verifyPIN()
      try b.verifyPIN()
    }

    func command(
      _ use: CommandAPDU.KeyUse, _ key: [UInt8], atA: Bool, wrapped: [UInt8]? = nil,
      number: UInt32 = SharedKeyTests.number
    ) -> CommandAPDU {
      .useSharedKey(
        use, wrapped: wrapped ?? (atA ? forA : forB), peer: atA ? serialB : serialA, number: number, key: key)
    }
  }

  @Test func P18_bothPurchasersSpeakUnderK3() throws {
    let pair = try Pair()
    let sent = try pair.a.send(pair.command(.wrap, Self.content, atA: true))
    #expect(sent.status == .ok && sent.data.count == 40)
    #expect(try pair.b.send(pair.command(.unwrap, sent.data, atA: false)).data == Self.content)
    let back = try pair.b.send(pair.command(.wrap, Self.content, atA: false))
    #expect(back.data == sent.data)
    #expect(try pair.a.send(pair.command(.unwrap, back.data, atA: true)).data == Self.content)
  }

  @Test func P18_onlyTheAddresseeOpens() throws {
    let pair = try Pair()
    // A relays B's wrap and learns nothing from it, nor B from A's.
    for (card, isA, wrapped) in [(pair.a, true, pair.forB), (pair.b, false, pair.forA)] {
      let command = pair.command(.wrap, Self.content, atA: isA, wrapped: wrapped)
      #expect(try card.send(command) == ResponseAPDU(data: [], status: .securityStatusNotSatisfied))
    }
    // Neither does a third card of the same generation key: here B with a wrap that names another peer.
    let third = try #require(CardSerial(octets: [1, 2, 3, 4, 5, 6, 7, 8]))
    let astray = CommandAPDU.useSharedKey(
      .wrap, wrapped: pair.forA, peer: third, number: Self.number, key: Self.content)
    #expect(try pair.a.status(astray) == .securityStatusNotSatisfied)
  }

  /// The wrap is good for one number and one pair, so that no older K3 comes back as a newer one.
  @Test func P18_wrapIsBoundToNumberAndSerials() throws {
    let pair = try Pair()
    for number in [0, Self.number - 1, Self.number + 1, .max] {
      let command = pair.command(.wrap, Self.content, atA: true, number: number)
      #expect(try pair.a.status(command) == .securityStatusNotSatisfied)
    }
    let itself = CommandAPDU.useSharedKey(
      .wrap, wrapped: pair.forA, peer: pair.serialA, number: Self.number, key: Self.content)
    #expect(try pair.a.status(itself) == .incorrectData)
    for index in [0, 20, 39] {
      var altered = pair.forA
      altered[index] ^= 1
      #expect(
        try pair.a.status(pair.command(.wrap, Self.content, atA: true, wrapped: altered)) == .securityStatusNotSatisfied
      )
    }
    #expect(throws: CryptoError.badLength) {
      try SharedKey.wrap(
        Secret(copying: Self.content), for: pair.serialA, with: pair.serialA, number: 1,
        individualKey: Secret(copying: Bench.individualKey))
    }
  }

  @Test func P18_holderAloneUsesIt() throws {
    let pair = try Pair()
    pair.a.reset()
    #expect(try pair.a.status(pair.command(.wrap, Self.content, atA: true)) == .securityStatusNotSatisfied)
    try pair.a.verifyPIN()
    let before = pair.a.flash.content
    var malformed = [
      CommandAPDU(cla: 0x80, ins: 0x12, p2: 2), CommandAPDU(cla: 0x80, ins: 0x12, p2: 2, data: [0x82, 0]),
      pair.command(.wrap, Self.content, atA: true, wrapped: []), pair.command(.wrap, [1], atA: true),
      pair.command(.wrap, Self.content, atA: true), pair.command(.wrap, Self.content, atA: true),
    ]
    malformed[4].data.append(0)
    malformed[5].data[1] = 11
    for command in malformed { #expect(try pair.a.status(command) == .incorrectData) }
    #expect(try pair.a.status(pair.command(.wrap, Self.content, atA: true)) == .ok)
    #expect(pair.a.flash.content == before, "K3 leaves no trace on the card")
  }
}
