import CardDriver
import CardEmulator
import CardFirmware
import CardProtocol
import Cryptography
import Formats
import ISO7816
import Identifiers
import Octets
import SecureChannel
import Testing

@testable import LicenseCenter

/// A purchaser: a card that the centre issued, in the hands of someone who knows its PIN.
struct Purchaser {
  let emulated: EmulatedCard
  let serial: CardSerial
  let card: WarifuCard

  init(_ test: TestCenter, generationKeys: [UInt8] = [1], maximumCodes: UInt32 = 100) async throws {
    (emulated, serial) = try await test.registeredCard(.board)
    let order = try CardIssueOrder(
      cardSerial: serial, purchaser: "P", maximumCodes: maximumCodes, generationKeys: generationKeys)
    _ = try await test.center.cardIssuer.issue(order, over: try FaultyLine(emulated))
    card = try WarifuCard(CardConnection(emulated))
    try await takeInHand(test)
  }

  /// Buys codes, and takes the card back in hand.
  @discardableResult
  func charge(
    _ test: TestCenter, _ title: TitleRecord, quantity: UInt16, conditions: CodeConditions = .standard
  ) async throws -> ChargeOutcome {
    let order = try ChargeOrder(
      operationID: try test.operationID(), cardSerial: serial, softwareID: title.softwareID, quantity: quantity,
      conditions: conditions)
    let outcome = try await test.center.charging.charge(order, over: try FaultyLine(emulated))
    try await takeInHand(test)
    return outcome
  }

  /// The code at `index`, as it is told to someone.
  func handOver(_ index: UInt16) throws -> RetrievalCode {
    let handed = try card.handOver(index: index)
    return try #require(RetrievalCode(octets: handed.code.withBytes { $0.octets }))
  }

  private func takeInHand(_ test: TestCenter) async throws {
    try card.connection.reset()
    _ = try WarifuCard(card.connection)
    let letter = try await test.center.cardIssuer.pinLetter(of: serial)
    try card.verify(pin: Secret(copying: Array(letter.pin.utf8)))
  }
}

/// A file on its way between two people: sealed under a key of its own, which travels wrapped.
private struct Parcel {
  static let content = Array("the file, which is longer than a key is".utf8)
  let wrappedKey: [UInt8]
  let ciphertext: [UInt8]

  init(_ random: any RandomSource, wrap: (borrowing Secret) throws -> [UInt8]) throws {
    let key = Secret(random: 32, from: random)
    wrappedKey = try wrap(key)
    ciphertext = try StreamingAEAD.message.seal(Parcel.content, key: key, associatedData: [], random: random)
  }

  /// Whether it decrypts to what was sent.
  func opens(_ unwrap: ([UInt8]) throws -> Secret) throws -> Bool {
    let key = try unwrap(wrappedKey)
    return try StreamingAEAD.message.open(ciphertext, key: key, associatedData: []).withBytes { $0.octets }
      == Parcel.content
  }
}

/// A code that one person told another, and the ID that went with it; or what the two agreed on.
private struct ToldSecret {
  var generationKey: UInt8
  var code: [UInt8]
  var messageID: [UInt8]
}

extension WarifuCard {
  fileprivate func wrap(_ key: borrowing Secret, told: ToldSecret) throws -> [UInt8] {
    let code = WarifuCard.ToldCode(generationKey: told.generationKey, code: Secret(copying: told.code))
    return try use(.wrap, key, level: .message, told: code, messageID: told.messageID).withBytes { $0.octets }
  }

  fileprivate func unwrap(_ wrapped: [UInt8], told: ToldSecret) throws -> Secret {
    let code = WarifuCard.ToldCode(generationKey: told.generationKey, code: Secret(copying: told.code))
    return try use(.unwrap, Secret(copying: wrapped), level: .message, told: code, messageID: told.messageID)
  }

  fileprivate func wrap(_ key: borrowing Secret, under shared: WarifuCard.SharedKey) throws -> [UInt8] {
    try use(.wrap, key, shared: shared).withBytes { $0.octets }
  }

  fileprivate func unwrap(_ wrapped: [UInt8], under shared: WarifuCard.SharedKey) throws -> Secret {
    try use(.unwrap, Secret(copying: wrapped), shared: shared)
  }
}

/// The rows of purchasers, codes and cipher keys, from the centre through the driver to the cards' firmware.
@Suite(.onEveryEngine) struct CipherKeyTests {
  private func title(_ test: TestCenter) async throws -> TitleRecord {
    try await test.center.titles.register(
      name: "formail", version: "1", type: .program, seller: "S", price: Money(minorUnits: 7, currency: .yen))
  }

  // MARK: P3

  /// [0017]: the purchaser tells each person another code, off line: on the card and on paper no label is there twice, and
  /// the centre knows every one.
  @Test func P3_eachPersonIsHandedACodeOfTheirOwn() async throws {
    let test = try await TestCenter()
    let title = try await title(test)
    let purchaser = try await Purchaser(test)
    try await purchaser.charge(test, title, quantity: 4)
    try await purchaser.charge(test, title, quantity: 3)
    let sheet = try await test.center.rightsSeller.sell(
      SealSheetOrder(
        operationID: try test.operationID(), cardSerial: purchaser.serial, softwareID: title.softwareID, quantity: 5,
        url: "https://example.com"))
    var labels = sheet.codes
    for index: UInt16 in 0..<7 {
      let before = try purchaser.card.codes().first { $0.index == index }
      #expect(before?.state == .charged)
      let code = try purchaser.handOver(index)
      #expect(try purchaser.handOver(index) == code, "the same person hears the same code again")
      #expect(try purchaser.card.codes().first { $0.index == index }?.state == .handedOver)
      labels.append(code)
    }
    #expect(Set(labels).count == 12 && Set(labels.map(\.text)).count == 12)
    for label in labels {
      let record = try #require(try await test.center.rightsSeller.record(of: label))
      #expect(record.state == .unused && record.softwareID == title.softwareID)
      #expect(try RetrievalCode(typed: label.text) == label, "a label can be typed in")
    }
  }

  // MARK: P5

  /// [0019]: the key is set in the dedicated software beforehand; the purchaser's card makes it from the code.
  @Test(arguments: [CommandAPDU.KeyLevel.right, .message])
  func P5_presetKeyDecryptsOnBothSides(_ level: CommandAPDU.KeyLevel) async throws {
    let test = try await TestCenter()
    let purchaser = try await Purchaser(test)
    try await purchaser.charge(test, try await title(test), quantity: 1)
    let code = try purchaser.handOver(0)
    let seller = test.center.rightsSeller
    let identifier = Array("box 17".utf8)
    let preset: Secret
    switch level {
    case .right: preset = try await seller.rightKey(of: code)
    case .message: preset = try await seller.messageKey(of: code, messageID: identifier)
    }
    let software = try CipherKey.wrapping(preset)
    let toGuest = try Parcel(test.random) {
      try purchaser.card.wrap($0, level: level, codeIndex: 0, messageID: identifier)
    }
    #expect(try toGuest.opens { try KeyWrap.unwrap($0, under: software) })
    let toPurchaser = try Parcel(test.random) { try KeyWrap.wrap($0, under: software) }
    #expect(
      try toPurchaser.opens { try purchaser.card.unwrap($0, level: level, codeIndex: 0, messageID: identifier) })
  }

  /// [0019], [0039]: two people settle a key themselves, of which no right and no seller knows.
  @Test func P5_mutuallyAgreedKeyDecryptsOnBothSides() async throws {
    let test = try await TestCenter()
    let (a, b) = (try await Purchaser(test), try await Purchaser(test))
    let stranger = try await Purchaser(test, generationKeys: [2])
    let agreed = ToldSecret(generationKey: 1, code: Array("our secret".utf8), messageID: Array("tea".utf8))
    let unsold = try #require(RetrievalCode(octets: agreed.code))
    #expect(try await test.center.rightsSeller.record(of: unsold) == nil)
    for (sender, receiver) in [(a, b), (b, a)] {
      let parcel = try Parcel(test.random) { try sender.card.wrap($0, told: agreed) }
      #expect(try parcel.opens { try receiver.card.unwrap($0, told: agreed) })
      #expect(throws: CardError.self) {
        try parcel.opens { try stranger.card.unwrap($0, told: agreed) }
      }
    }
  }

  // MARK: P16

  /// Fig 8: purchaser, module, production, utilisation count and amount, maximum: book and card say the same, and neither
  /// takes a code more than the maximum.
  @Test func P16_theMaximumHoldsForCardAndPaperTogether() async throws {
    let test = try await TestCenter()
    let title = try await title(test)
    let purchaser = try await Purchaser(test, maximumCodes: 6)
    try await purchaser.charge(test, title, quantity: 3)
    func sheet(_ quantity: UInt16) throws -> SealSheetOrder {
      try SealSheetOrder(
        operationID: try test.operationID(), cardSerial: purchaser.serial, softwareID: title.softwareID,
        quantity: quantity, url: "u")
    }
    _ = try await test.center.rightsSeller.sell(try sheet(2))
    await expectFailure(.limitReached) { _ = try await test.center.rightsSeller.sell(try sheet(2)) }
    await expectFailure(.limitReached) { try await purchaser.charge(test, title, quantity: 2) }
    try await purchaser.charge(test, title, quantity: 1)
    await expectFailure(.limitReached) { try await purchaser.charge(test, title, quantity: 1) }
    await expectFailure(.limitReached) { _ = try await test.center.rightsSeller.sell(try sheet(1)) }
    let record = try await test.center.cardIssuer.card(purchaser.serial)
    #expect(record.purchaser == "P" && record.moduleType == "WARIFU-E" && record.productionNumber == "1")
    #expect(record.codesSold == 6 && record.maximumCodes == 6)
    #expect(record.amounts == [Money(minorUnits: 42, currency: .yen)])
    let status = try WarifuCard(CardConnection(purchaser.emulated)).status()
    #expect(status.codesEverCharged == 4 && status.codeCount == 4 && status.chargeCounter == record.chargeNumber)
    #expect(try await test.balance(.holder(purchaser.serial)) == -42)
  }

  // MARK: P18

  /// [0050]: K3 comes wrapped under keys of K1 and K2; A relays B's wrap; each opens their own, and they speak.
  @Test func P18_twoPurchasersSpeakUnderAKeyThatTheCentreMade() async throws {
    let test = try await TestCenter()
    let (a, b) = (try await Purchaser(test), try await Purchaser(test, generationKeys: [2]))
    let stranger = try await Purchaser(test)
    let order = SharedKeyOrder(operationID: try test.operationID(), first: a.serial, second: b.serial)
    let pair = try await test.center.sharedKeys.make(order)
    let atA = WarifuCard.SharedKey(peer: b.serial, number: pair.number, wrapped: pair.wrappedForFirst)
    let relayed = WarifuCard.SharedKey(peer: a.serial, number: pair.number, wrapped: pair.wrappedForSecond)
    let toB = try Parcel(test.random) { try a.card.wrap($0, under: atA) }
    #expect(try toB.opens { try b.card.unwrap($0, under: relayed) })
    let toA = try Parcel(test.random) { try b.card.wrap($0, under: relayed) }
    #expect(try toA.opens { try a.card.unwrap($0, under: atA) })

    // A learns nothing from B's wrap, nobody else from either, and no wrap passes for another key or pair.
    var misused = [(a, relayed), (b, atA), (stranger, atA), (stranger, relayed), (a, atA), (a, atA)]
    misused[0].1.peer = b.serial
    misused[4].1.number += 1
    misused[5].1.peer = stranger.serial
    for (holder, wrap) in misused {
      let error = #expect(throws: CardError.self) { try toA.opens { try holder.card.unwrap($0, under: wrap) } }
      #expect(error?.status == (wrap.peer == holder.serial ? .incorrectData : .securityStatusNotSatisfied))
    }
  }

  @Test func P18_theSameOrderGivesTheSameKey() async throws {
    let test = try await TestCenter()
    let (a, b) = (try await Purchaser(test), try await Purchaser(test))
    let order = SharedKeyOrder(operationID: try test.operationID(), first: a.serial, second: b.serial)
    let keys = test.center.sharedKeys
    let pair = try await keys.make(order)
    #expect(try await keys.make(order) == pair)
    var swapped = order
    (swapped.first, swapped.second) = (order.second, order.first)
    await expectFailure(.keyReused) { _ = try await keys.make(swapped) }
    let another = try await keys.make(
      SharedKeyOrder(operationID: try test.operationID(), first: a.serial, second: b.serial))
    #expect(another.number != pair.number && another.wrappedForFirst != pair.wrappedForFirst)
    let itself = SharedKeyOrder(operationID: try test.operationID(), first: a.serial, second: a.serial)
    await expectFailure(.invalid) { _ = try await keys.make(itself) }
    // The test centre's own card is registered, but nobody's yet; and one that no centre knows.
    let unknown = try #require(CardSerial(octets: [9, 9, 9, 9, 9, 9, 9, 9]))
    for (serial, code) in [(test.serial, CenterError.Code.conflict), (unknown, .notFound)] {
      for cards in [(a.serial, serial), (serial, a.serial)] {
        let order = SharedKeyOrder(operationID: try test.operationID(), first: cards.0, second: cards.1)
        await expectFailure(code) { _ = try await keys.make(order) }
      }
    }
    _ = try await test.center.verify()
  }

  // MARK: P22

  /// Figs 20, 21 and 23: the key that the seller makes is the one that the module makes, for every code another one.
  @Test func P22_sellerAndModuleMakeTheSameKey() async throws {
    let test = try await TestCenter()
    let purchaser = try await Purchaser(test)
    try await purchaser.charge(test, try await title(test), quantity: 3)
    let content = Secret(copying: [UInt8](repeating: 0x33, count: 32))
    var wraps: Set<[UInt8]> = []
    for index: UInt16 in 0..<3 {
      let key = try await test.center.rightsSeller.rightKey(of: try purchaser.handOver(index))
      let bySeller = try KeyWrap.wrap(content, under: try CipherKey.wrapping(key))
      #expect(try purchaser.card.wrap(content, level: .right, codeIndex: index) == bySeller)
      wraps.insert(bySeller)
    }
    #expect(wraps.count == 3)
  }

  /// Fig 22: every code is unique, and the time of its making is on record.
  @Test func P22_codesAreUniqueAndTheirTimeIsRecorded() async throws {
    let test = try await TestCenter()
    let title = try await title(test)
    let purchaser = try await Purchaser(test)
    var codes: Set<RetrievalCode> = []
    for round: UInt16 in 0..<3 {
      let now = test.clock.now()
      try await purchaser.charge(test, title, quantity: 5)
      for index in (5 * round)..<(5 * round + 5) {
        let code = try purchaser.handOver(index)
        #expect(try await test.center.rightsSeller.record(of: code)?.madeAt == now)
        codes.insert(code)
      }
      test.clock.advance(by: 3_600)
    }
    #expect(codes.count == 15)
  }

  /// Fig 24: the key is set automatically from the code and the ID that was set beside it; nobody types either.
  @Test func P22_keyIsSetAutomaticallyFromCodeAndID() async throws {
    let test = try await TestCenter()
    let purchaser = try await Purchaser(test)
    let conditions = try CodeConditions(messageID: Array("order 4711".utf8))
    try await purchaser.charge(test, try await title(test), quantity: 1, conditions: conditions)
    let key = try await test.center.rightsSeller.messageKey(of: try purchaser.handOver(0))
    let parcel = try Parcel(test.random) { try purchaser.card.wrap($0, level: .message, codeIndex: 0) }
    #expect(try parcel.opens { try KeyWrap.unwrap($0, under: try CipherKey.wrapping(key)) })
    let other = try CipherKey.wrapping(
      try await test.center.rightsSeller.messageKey(of: try purchaser.handOver(0), messageID: Array("4712".utf8)))
    #expect(throws: CryptoError.notAuthentic) { try parcel.opens { try KeyWrap.unwrap($0, under: other) } }
  }

  /// Figs 4 and 25: the ID, passed on with the code, makes the key in another purchaser's module of the same generation
  /// key, and in no other.
  @Test func P22_passedOnIDMakesTheKeyAtOtherPurchasers() async throws {
    let test = try await TestCenter()
    let (a, b) = (try await Purchaser(test), try await Purchaser(test))
    let c = try await Purchaser(test, generationKeys: [2])
    try await a.charge(test, try await title(test), quantity: 1)
    let identifier = Array("box 17".utf8)
    var told = ToldSecret(generationKey: 1, code: try a.handOver(0).octets, messageID: identifier)
    let parcel = try Parcel(test.random) {
      try a.card.wrap($0, level: .message, codeIndex: 0, messageID: identifier)
    }
    #expect(try parcel.opens { try b.card.unwrap($0, told: told) })
    for key: UInt8 in [1, 2] {
      told.generationKey = key
      #expect(throws: CardError.self) { try parcel.opens { try c.card.unwrap($0, told: told) } }
    }
    (told.generationKey, told.messageID) = (1, Array("box 18".utf8))
    #expect(throws: CardError.self) { try parcel.opens { try b.card.unwrap($0, told: told) } }
  }

  /// The seller makes no key of a code that is not sold, given up, dead or unknown.
  @Test func P22_keysComeFromCodesThatAreSold() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let seller = test.center.rightsSeller
    var order = try test.chargeOrder(title, quantity: 1)
    order.conditions = try CodeConditions(expiry: test.clock.now() + 10)
    let broken = TestRelay(test.card)
    broken.cutAt = (.storeData, .after)
    await expectFailure(.cardUnreachable) { _ = try await test.center.charging.charge(order, over: broken) }
    let code = try #require(test.card.state.codes.first.flatMap { RetrievalCode(octets: $0.code) })
    await expectFailure(.conflict, "reserved") { _ = try await seller.rightKey(of: code) }
    _ = try await test.center.charging.charge(order, over: TestRelay(test.card))
    _ = try await seller.rightKey(of: code)
    test.clock.advance(by: 11)
    await expectFailure(.conflict, "expired") { _ = try await seller.messageKey(of: code) }
    let unknown = try #require(RetrievalCode(octets: [UInt8](repeating: 7, count: 10)))
    await expectFailure(.notFound) { _ = try await seller.rightKey(of: unknown) }
    let lost = try test.chargeOrder(title, quantity: 1)
    broken.cutAt = (.storeData, .after)
    await expectFailure(.cardUnreachable) { _ = try await test.center.charging.charge(lost, over: broken) }
    _ = try await test.center.charging.refund(lost.operationID)
    let voided = try #require(test.card.state.codes.last.flatMap { RetrievalCode(octets: $0.code) })
    await expectFailure(.conflict, "voided") { _ = try await seller.rightKey(of: voided) }
  }
}
