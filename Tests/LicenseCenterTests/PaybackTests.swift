import Cryptography
import Formats
import Identifiers
import Testing

@testable import LicenseCenter

extension TestCenter {
  /// One more purchaser, with a card of their own that codes were never sold with.
  func anotherHolder() async throws -> (serial: CardSerial, card: ModelCard) {
    let serial = try #require(CardSerial(octets: random.octets(8)))
    let transport = (0..<3).map { _ in random.octets(16) }
    let card = ModelCard(ModelCard.State(serial: serial, transport: transport), random: random)
    try await center.cardIssuer.register(
      ProductionRecord(
        cardSerial: serial, moduleType: "MODEL", productionNumber: "P-0002", producedAt: 1_700_000_000,
        encryptionKey: Secret(copying: transport[0]), macKey: Secret(copying: transport[1]),
        dataKey: Secret(copying: transport[2])))
    let order = try CardIssueOrder(
      cardSerial: serial, purchaser: "Purchaser Sato", maximumCodes: 100, generationKeys: [1])
    _ = try await center.cardIssuer.issue(order, over: TestRelay(card))
    return (serial, card)
  }

  /// Sells a sheet with a card.
  @discardableResult
  func sell(_ quantity: UInt16, of title: TitleRecord, to serial: CardSerial? = nil) async throws -> SealSheet {
    var order = try sheetOrder(title, quantity: quantity)
    order.cardSerial = serial ?? self.serial
    return try await center.rightsSeller.sell(order)
  }

  func set(_ rule: PaybackRule) async throws -> PaybackRuleRecord {
    try await center.payback.add(rule, operation: try operationID())
  }

  /// Pay-back granted and not paid out.
  func payback(_ serial: CardSerial? = nil, in currency: Currency = .yen) async throws -> Int64 {
    try await center.payback.balance(of: serial ?? self.serial, in: currency).minorUnits
  }

  /// As if guests had redeemed so many codes of a sheet.
  func redeem(_ count: Int, of sheet: SealSheet) async throws {
    _ = try await center.context.database.write { transaction in
      try transaction.run(
        "UPDATE codes SET state = 'used' WHERE sheet = $1 AND position < $2",
        [.number(sheet.number), .number(count)])
    }
  }
}

/// Pay-back as [0021], [0049] and claim 13 have it. A code costs 300 yen.
@Suite(.onEveryEngine) struct PaybackTests {
  private static let reward = Money(minorUnits: 500, currency: .yen)

  /// Each rule at the edge of its conditions: one step short nothing is granted, then exactly what it says, once.
  @Test func P7_eachConditionHasAnEdge() async throws {

    let amount = Money(minorUnits: 1500, currency: .yen)
    let cases: [(conditions: PaybackConditions, short: UInt16, enough: UInt16, gap: Int64)] = [
      (PaybackConditions(codesInSale: 5), 4, 5, 0), (PaybackConditions(codesInAll: 7), 6, 1, 0),
      (PaybackConditions(amount: amount), 4, 5, 0),
      (PaybackConditions(codesInSale: 2, codesInAll: 9, amount: amount), 4, 5, 0),
    ]
    for (index, edge) in cases.enumerated() {
      let test = try await TestCenter()
      let title = try await test.issuedCardAndTitle()
      _ = try await test.set(try PaybackRule(.bulk, .amount(PaybackTests.reward), on: edge.conditions))
      try await test.sell(edge.short, of: title)
      #expect(try await test.payback() == 0, "case \(index)")
      try await test.sell(edge.enough, of: title)
      #expect(try await test.payback() == 500, "case \(index)")
      #expect(try await test.balance(.promotion(.bulk)) == -500)
      _ = try await test.center.verify()
    }
  }

  @Test func P7_guestsTitleAndTimeAreConditionsToo() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let other = try await test.center.titles.register(
      name: "game", version: "1", type: .program, seller: "Publisher", price: Money(minorUnits: 300, currency: .yen))
    let conditions = PaybackConditions(codesUsed: 2, softwareID: title.softwareID)
    let now = test.clock.now()
    _ = try await test.set(
      try PaybackRule(.bulk, .amount(PaybackTests.reward), on: conditions, start: now + 10, end: now + 20))
    let sheet = try await test.sell(4, of: title)
    try await test.redeem(1, of: sheet)
    test.clock.advance(by: 10)
    try await test.sell(1, of: title)
    #expect(try await test.payback() == 0, "one guest is not two")
    try await test.redeem(2, of: sheet)
    try await test.sell(1, of: other)
    #expect(try await test.payback() == 0, "another title")
    test.clock.advance(by: 11)
    try await test.sell(1, of: title)
    #expect(try await test.payback() == 0, "too late")
  }

  @Test func P7_bulkPaysAShareOnceForEachSale() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    _ = try await test.set(try PaybackRule(.bulk, .share(perMille: 55), on: PaybackConditions(codesInSale: 3)))
    let order = try test.sheetOrder(title, quantity: 3)
    for _ in 0..<3 { _ = try await test.center.rightsSeller.sell(order) }
    #expect(try await test.payback() == 49, "55 thousandths of 900, rounded down")
    let charge = try test.chargeOrder(title, quantity: 4)
    for _ in 0..<3 { _ = try await test.center.charging.charge(charge, over: TestRelay(test.card)) }
    #expect(try await test.payback() == 49 + 66)
    let grants = try await test.center.payback.grants(to: test.serial)
    #expect(grants.map(\.amount.minorUnits) == [49, 66] && grants.allSatisfy { $0.kind == .bulk })
    _ = try await test.center.verify()
  }

  /// [0021]: the newcomer buys a card and codes; who introduced them is paid, once, and nobody else.
  @Test func P7_referralPaysWhoIntroducedTheNewcomerOnce() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    _ = try await test.set(
      try PaybackRule(.referral, .amount(PaybackTests.reward), on: PaybackConditions(codesInAll: 5)))
    let sheet = try await test.sell(2, of: title)
    let (newcomer, card) = try await test.anotherHolder()
    let code = try #require(sheet.codes.first)
    for _ in 0..<2 { try await test.center.payback.introduce(newcomer, by: .code(code)) }
    try await test.center.payback.introduce(newcomer, by: .card(test.serial))
    try await test.sell(4, of: title, to: newcomer)
    #expect(try await test.payback() == 0)
    for _ in 0..<3 {
      var order = try test.chargeOrder(title, quantity: 2)
      order.cardSerial = newcomer
      _ = try await test.center.charging.charge(order, over: TestRelay(card))
      #expect(try await test.payback() == 500)
    }
    #expect(try await test.payback(newcomer) == 0)
    #expect(try await test.center.payback.grants(to: test.serial).map(\.occasion) == ["introduction:\(newcomer)"])
    _ = try await test.center.verify()
  }

  /// A card bought is enough where the rule asks for nothing more.
  @Test func P7_referralByTheCardAlone() async throws {
    let test = try await TestCenter()
    _ = try await test.issuedCardAndTitle()
    _ = try await test.set(try PaybackRule(.referral, .amount(PaybackTests.reward)))
    let newcomer = try await test.anotherHolder().serial
    for _ in 0..<2 { try await test.center.payback.introduce(newcomer, by: .card(test.serial)) }
    #expect(try await test.payback() == 500)
  }

  @Test func P7_introductionsAreOnceAndBackwardsInTime() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let payback = test.center.payback
    test.clock.advance(by: 10)
    let (b, c) = (try await test.anotherHolder().serial, try await test.anotherHolder().serial)
    await expectFailure(.invalid, "itself") { try await payback.introduce(b, by: .card(b)) }
    await expectFailure(.invalid, "older") { try await payback.introduce(test.serial, by: .card(b)) }
    try await payback.introduce(b, by: .card(c))
    await expectFailure(.invalid, "in a circle") { try await payback.introduce(c, by: .card(b)) }
    await expectFailure(.conflict, "by two") { try await payback.introduce(b, by: .card(test.serial)) }
    try await test.sell(1, of: title, to: c)
    await expectFailure(.conflict, "no newcomer") { try await payback.introduce(c, by: .card(test.serial)) }
    let unknown = try #require(RetrievalCode(octets: [UInt8](repeating: 7, count: 10)))
    await expectFailure(.notFound) { try await payback.introduce(c, by: .code(unknown)) }
  }

  /// [0049]: utilisation points gather, and become money at what the counter says they are worth.
  @Test func P7_pointsGatherAndAreExchangedOnce() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let payback = test.center.payback
    _ = try await test.set(try PaybackRule(.points, .points(per: Money(minorUnits: 250, currency: .yen))))
    try await test.sell(2, of: title)
    try await test.sell(3, of: title)
    #expect(try await test.payback(in: .points) == 2 + 3)
    let operation = try test.operationID()
    func exchange(_ points: Int64) async throws -> Money {
      try await payback.exchange(points: points, of: test.serial, into: .yen, operation: operation)
    }
    await expectFailure(.conflict, "worth nothing yet") { _ = try await exchange(4) }
    try await payback.setWorth(ofPoint: Money(minorUnits: 20, currency: .yen))
    await expectFailure(.limitReached) { _ = try await exchange(6) }
    #expect(try await exchange(4) == Money(minorUnits: 80, currency: .yen))
    try await payback.setWorth(ofPoint: Money(minorUnits: 30, currency: .yen))
    #expect(try await exchange(4) == Money(minorUnits: 80, currency: .yen), "as it was decided")
    await expectFailure(.keyReused) { _ = try await exchange(1) }
    #expect(try await test.payback(in: .points) == 1)
    #expect(try await test.payback() == 80)
    _ = try await test.center.verify()
  }

  @Test func P7_payoutIsAtMostWhatIsGrantedAndOnce() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let payback = test.center.payback
    _ = try await test.set(try PaybackRule(.bulk, .amount(PaybackTests.reward)))
    try await test.sell(1, of: title)
    func pay(_ units: Int64, _ destination: PaybackDestination, _ operation: OperationID) async throws {
      try await payback.payOut(
        Money(minorUnits: units, currency: .yen), of: test.serial, to: destination, operation: operation)
    }
    let operation = try test.operationID()
    await expectFailure(.limitReached) { try await pay(501, .account, operation) }
    await expectFailure(.conflict, "300 are owed") { try await pay(100, .cash, operation) }
    for _ in 0..<3 { try await pay(400, .account, operation) }
    await expectFailure(.keyReused) { try await pay(100, .account, operation) }
    #expect(try await test.balance(.holder(test.serial)) == 100)
    try await pay(100, .cash, try test.operationID())
    await expectFailure(.limitReached) { try await pay(1, .cash, try test.operationID()) }
    #expect(try await test.payback() == 0)
    #expect(try await test.balance(.cash) == 100)
    _ = try await test.center.verify()
  }

  @Test func rulesAreEndedAndNeverEdited() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let payback = test.center.payback
    let (rule, operation) = (try PaybackRule(.bulk, .amount(PaybackTests.reward)), try test.operationID())
    let made = try await payback.add(rule, operation: operation)
    #expect(try await payback.add(rule, operation: operation) == made)
    await expectFailure(.keyReused) {
      _ = try await payback.add(try PaybackRule(.bulk, .share(perMille: 1)), operation: operation)
    }
    let until = try PaybackRule(.bulk, .amount(PaybackTests.reward), end: test.clock.now() + 100)
    await expectFailure(.keyReused, "another end") { _ = try await payback.add(until, operation: operation) }
    try await test.sell(1, of: title)
    let ended = try await payback.end(made.number)
    #expect(ended.rule.end == test.clock.now())
    test.clock.advance(by: 1)
    #expect(try await payback.end(made.number) == ended)
    #expect(try await payback.add(rule, operation: operation) == ended)
    await expectFailure(.keyReused, "another end") { _ = try await payback.add(until, operation: operation) }
    // One that was made before the request was kept.
    _ = try await test.center.context.database.write { try $0.run("UPDATE payback_rules SET request = NULL", []) }
    #expect(try await payback.add(rule, operation: operation) == ended)
    #expect(try await payback.rules() == [ended])
    try await test.sell(1, of: title)
    #expect(try await test.payback() == 500)
    await expectFailure(.notFound) { _ = try await payback.end(99) }
  }

  /// Points come from rules alone.
  @Test func pointsAreNoMoney() async throws {
    let test = try await TestCenter()
    _ = try await test.issuedCardAndTitle()
    let points = Money(minorUnits: 5, currency: .points)
    let operation = try test.operationID()
    await expectFailure(.invalid) {
      try await test.center.ledger.deposit(points, for: test.serial, operation: operation)
    }
    await expectFailure(.invalid) {
      _ = try await test.center.titles.register(name: "t", version: "1", type: .data, seller: "S", price: points)
    }
    await expectFailure(.invalid) { try await test.center.payback.setWorth(ofPoint: points) }
    await expectFailure(.invalid) {
      try await test.center.payback.payOut(points, of: test.serial, to: .cash, operation: operation)
    }
  }

  @Test func rewardsGoWithTheirKinds() async throws {
    let (money, none) = (PaybackTests.reward, Money.zero(.yen))
    let bad: [(PaybackKind, PaybackReward)] = [
      (.referral, .share(perMille: 10)), (.referral, .points(per: money)), (.bulk, .points(per: money)),
      (.points, .amount(money)), (.points, .share(perMille: 1)), (.bulk, .share(perMille: 0)),
      (.bulk, .share(perMille: 1001)), (.bulk, .amount(none)), (.points, .points(per: none)),
      (.bulk, .amount(Money(minorUnits: 1, currency: .points))),
    ]
    for (kind, reward) in bad {
      await expectFailure(.invalid, "\(kind) \(reward)") { _ = try PaybackRule(kind, reward) }
    }
    await expectFailure(.invalid) { _ = try PaybackRule(.bulk, .amount(money), start: 2, end: 1) }
  }
}
