import CardFirmware
import CardProtocol
import Cryptography
import ISO7816
import Identifiers
import Octets
import Testing

/// Who makes the same cipher key, and how (P5, P12, P22, Figs 4 and 20 to 25), on the cards' side.
@Suite struct CipherKeyTests {
  private static let content = SeededRandom(seed: 160).octets(32)
  private static let identifier = Array("box 17".utf8)

  /// A, whose codes are the issued card's; B with A's generation keys; C with others.
  private struct Purchasers {
    let a = Result { try CipherKeyTests.verified(try Bench.issued()) }
    let b = Result { try CipherKeyTests.verified(try Bench.otherPurchaser()) }
    let c = Result {
      try CipherKeyTests.verified(
        try Bench.otherPurchaser(generationKeys: (0..<2).map { SeededRandom(seed: 170 + UInt64($0)).octets(32) }))
    }
  }

  private static func verified(_ bench: Bench) throws -> Bench {
    try bench.verifyPIN()
    return bench
  }

  private func told(
    _ use: CommandAPDU.KeyUse, _ record: ChargeRecord, _ key: [UInt8], level: CommandAPDU.KeyLevel = .message,
    id: [UInt8] = CipherKeyTests.identifier
  ) -> CommandAPDU {
    .useKey(use, level: level, generationKey: record.generationKey, code: record.code, messageID: id, key: key)
  }

  /// What the dedicated software of a guest holds, made by the seller from generation key, code and ID.
  private func guestKey(_ record: ChargeRecord, id: [UInt8]) throws -> Secret {
    let generation = Secret(copying: Bench.generationKeys[Int(record.generationKey) - 1])
    let right = try Derivation.kbkdf(generation, label: .right, octets: 32) { (context) throws(OctetError) in
      try context.appendField(.retrievalCode, record.code.span.bytes)
    }
    let message = try Derivation.kbkdf(right, label: .message, octets: 32) { (context) throws(OctetError) in
      try context.appendField(.messageID, id.span.bytes)
    }
    return try Derivation.kbkdf(message, label: .wrapping, octets: 32) { _ in }
  }

  // MARK: P5

  /// [0019]: the guest's software has its key set already; the purchaser's card makes the same one from the code.
  @Test func P5_presetKeyDecryptsOnBothSides() throws {
    let a = try Purchasers().a.get()
    let record = try Bench.records()[1]
    let guest = try guestKey(record, id: record.messageID)
    let fromCard = CommandAPDU.useKey(.wrap, level: .message, codeIndex: 1, messageID: [], key: Self.content)
    let atGuest = try KeyWrap.unwrap(try a.send(fromCard).data, under: guest)
    #expect(atGuest.withBytes { $0.octets } == Self.content)
    let fromGuest = try KeyWrap.wrap(Secret(copying: Self.content), under: guest)
    let atCard = CommandAPDU.useKey(.unwrap, level: .message, codeIndex: 1, messageID: [], key: fromGuest)
    #expect(try a.send(atCard).data == Self.content)
  }

  /// [0019], [0039]: two who speak with each other settle the key themselves: any ten octets in place of a code, any ID.
  @Test func P5_mutuallyAgreedKeyDecryptsOnBothSides() throws {
    let purchasers = Purchasers()
    let (a, b) = (try purchasers.a.get(), try purchasers.b.get())
    var agreed = try Bench.records()[0]
    agreed.code = Array("our secret".utf8)
    for level in [CommandAPDU.KeyLevel.right, .message] {
      let wrapped = try a.send(told(.wrap, agreed, Self.content, level: level))
      #expect(wrapped.status == .ok)
      #expect(try b.send(told(.unwrap, agreed, wrapped.data, level: level)).data == Self.content)
      let back = try b.send(told(.wrap, agreed, Self.content, level: level)).data
      #expect(try a.send(told(.unwrap, agreed, back, level: level)).data == Self.content)
    }
  }

  // MARK: P22

  /// Figs 20 and 23: the key that the seller makes for a code is the one that the module makes.
  @Test func P22_keyOfTheSellerIsTheKeyOfTheModule() throws {
    let a = try Purchasers().a.get()
    for (index, record) in try Bench.records().enumerated().prefix(2) {
      let command = CommandAPDU.useKey(
        .wrap, level: .message, codeIndex: UInt16(index), messageID: Self.identifier, key: Self.content)
      let seller = try KeyWrap.wrap(
        Secret(copying: Self.content), under: try guestKey(record, id: Self.identifier))
      #expect(try a.send(command).data == seller)
    }
  }

  /// Figs 4, 24 and 25: A passes code and ID on; B, whose module has the same generation key, makes the key, and C does not.
  @Test func P22_passedOnIDMakesTheKeyInModulesOfTheSameGenerationKey() throws {
    let purchasers = Purchasers()
    let (a, b, c) = (try purchasers.a.get(), try purchasers.b.get(), try purchasers.c.get())
    let record = try Bench.records()[0]
    let sent = try a.send(
      .useKey(.wrap, level: .message, codeIndex: 0, messageID: Self.identifier, key: Self.content)
    ).data
    #expect(try b.send(told(.unwrap, record, sent)).data == Self.content)
    #expect(try c.status(told(.unwrap, record, sent)) == .securityStatusNotSatisfied)
    #expect(try b.status(told(.unwrap, record, sent, id: Array("box 18".utf8))) == .securityStatusNotSatisfied)
    #expect(try b.status(told(.unwrap, record, sent, level: .right)) == .securityStatusNotSatisfied)
    b.reset()
    #expect(try b.status(told(.unwrap, record, sent)) == .securityStatusNotSatisfied)
  }

  /// A code is unique, and so is its key: no two codes on a card make one key.
  @Test func P22_everyCodeHasItsOwnKey() throws {
    let bench = try Purchasers().a.get()
    try #require(try bench.setTime(1_600_000_000) == .ok)
    let wrapped = try (0..<4).map { (index: UInt16) in
      try bench.send(.useKey(.wrap, level: .right, codeIndex: index, messageID: [], key: Self.content)).data
    }
    #expect(Set(wrapped).count == 4)
  }

  /// A holder who names a code of the card's own by its value gets no more out of it than by its index: neither more uses
  /// nor more time (P8, P9).
  @Test func P22_toldCodeIsNoWayAroundItsLimits() throws {
    let bench = try Purchasers().a.get()
    let records = try Bench.records()
    let limited = records[Int(Bench.Code.twoUses)]
    #expect(try bench.status(told(.wrap, limited, Self.content)) == .ok)
    #expect(try #require(try bench.code(Bench.Code.twoUses)).uses == 1)
    // Without an ID, it is the one beside the code.
    let automatic = try bench.send(told(.wrap, limited, Self.content, id: [])).data
    let seller = try KeyWrap.wrap(Secret(copying: Self.content), under: try guestKey(limited, id: limited.messageID))
    #expect(automatic == seller)
    #expect(try bench.status(told(.wrap, limited, Self.content)) == .conditionsNotSatisfied)
    #expect(try bench.status(told(.wrap, records[Int(Bench.Code.freshTime)], Self.content)) == .conditionsNotSatisfied)
    try #require(try bench.setTime(Bench.expiry + 1) == .ok)
    #expect(try bench.status(told(.wrap, records[Int(Bench.Code.expiring)], Self.content)) == .conditionsNotSatisfied)
  }

  /// Nor once the issuer has deleted it to make room: a code whose uses or time are up stays so on the card that had it.
  @Test func P22_deletedCodeDoesNotComeToLifeByBeingTold() throws {
    let purchasers = Purchasers()
    let (bench, other) = (try purchasers.a.get(), try purchasers.b.get())
    let records = try Bench.records()
    let (limited, expiring) = (records[Int(Bench.Code.twoUses)], records[Int(Bench.Code.expiring)])
    for _ in 0..<2 { try #require(try bench.status(told(.wrap, limited, Self.content)) == .ok) }
    try #require(try bench.setTime(Bench.expiry + 1) == .ok)
    let session = try bench.open()
    for index in [Bench.Code.twoUses, Bench.Code.expiring] {
      #expect(try session.status(.deleteCode(index: index)) == .ok)
    }
    try bench.remount()
    try bench.verifyPIN()
    for record in [limited, expiring] {
      for level in [CommandAPDU.KeyLevel.right, .message] {
        #expect(try bench.send(told(.wrap, record, Self.content, level: level)).status == .conditionsNotSatisfied)
      }
      // Elsewhere, and under another generation key, it never was.
      #expect(try other.status(told(.wrap, record, Self.content)) == .ok)
      var renumbered = record
      renumbered.generationKey = 3 - record.generationKey
      #expect(try bench.status(told(.wrap, renumbered, Self.content)) == .ok)
    }
    let kept = try #require(bench.store.withValue(StoreKey(rawValue: 0x2000)) { $0.octets })
    #expect(kept.count == 16 && !kept.contains(limited.code))
  }

  /// More of them than one value of the store holds.
  @Test func everyDeletedCodeIsRemembered() throws {
    let bench = try Self.verified(try Bench.issued())
    let session = try bench.open()
    try #require(try session.status(.verify(.pin, value: Bench.pin)) == .ok)
    let softwareID = try #require(SoftwareID(octets: Bench.softwareID))
    var gone: [ChargeRecord] = []
    for number: UInt32 in 2...11 {
      let records = (0..<8).map {
        ChargeRecord(
          code: SeededRandom(seed: UInt64(number) * 100 + $0).octets(10), generationKey: 1, uses: 1,
          softwareID: softwareID)
      }
      try #require(try session.store(try Bench.charge(number, records)).status == .ok)
      for record in records { try #require(try session.status(told(.wrap, record, Self.content)) == .ok) }
      for index: UInt16 in 4..<12 { try #require(try session.status(.deleteCode(index: index)) == .ok) }
      gone += records
    }
    #expect(gone.count == 80)
    for record in gone { #expect(try session.status(told(.wrap, record, Self.content)) == .conditionsNotSatisfied) }
    #expect(try session.status(told(.wrap, try Bench.records()[0], Self.content)) == .ok)
  }

  @Test func refusalsOfToldCodes() throws {
    let bench = try Purchasers().a.get()
    var record = try Bench.records()[0]
    let rows: [(UInt8, Int, UInt16)] = [
      (0, 10, 0x6A80), (17, 10, 0x6A80), (3, 10, 0x6A88), (1, 9, 0x6A80), (1, 11, 0x6A80),
    ]
    for (number, octets, word) in rows {
      record.generationKey = number
      record.code = [UInt8](repeating: 1, count: octets)
      #expect(try bench.status(told(.wrap, record, Self.content)).rawValue == word)
    }
  }

  // MARK: P16

  /// Fig 8: what the user management database records of a module, the module says itself: kind and production, how many
  /// codes were ever set, how many can be.
  @Test func P16_cardTellsProductionUtilisationAndMaximum() throws {
    let bench = try Bench.issued()
    let production = try bench.send(.getData(.productionLifeCycle)).data
    #expect(production.count == 45 && production.suffix(42).allSatisfy { $0 == 0x42 })
    let serial = try bench.serial
    #expect(try bench.send(.getData(.cardImageNumber)).data == [0x45, 8] + serial.octets)
    #expect(try bench.applicationStatus(0x8A) == 0)
    #expect(try bench.applicationStatus(0x82) == 4 && bench.applicationStatus(0x83) == 4)
    #expect(try bench.applicationStatus(0x84) == UInt64(Bench.profile.codeCapacity))
  }
}
