import CardProtocol
import Cryptography
import Formats
import ISO7816
import Identifiers
import Testing

@testable import LicenseCenter

@Suite(.onEveryEngine) struct ChargingTests {
  @Test func P6_chargeIsBookedWithQuantityCodesKeyAndAmount() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let order = try test.chargeOrder(title)
    let outcome = try await test.center.charging.charge(order, over: TestRelay(test.card))
    #expect(outcome.state == .booked && outcome.desired == 5 && outcome.actual == 5 && outcome.number == 1)
    #expect(try outcome.amount == Money(minorUnits: 1500, currency: .yen))
    #expect(try await test.balance(.holder(test.serial)) == -1500)
    #expect(try await test.balance(.seller("Publisher")) == 1500)
    let statement = try await test.center.ledger.statement(of: .holder(test.serial), in: .yen)
    #expect(statement.map(\.memo) == ["charge 1"] && statement.map(\.amount.minorUnits) == [-1500])
    #expect(test.card.state.codes.count == 5)
    for record in test.card.state.codes {
      let code = try #require(RetrievalCode(octets: record.code))
      let known = try #require(try await test.center.rightsSeller.record(of: code))
      #expect(known.state == .unused && known.softwareID == title.softwareID)
      #expect(known.conditions.generationKey == 1 && known.price == title.price)
    }
    #expect(try await test.count("SELECT id FROM codes WHERE code IS NOT NULL") == 0)
    let record = try await test.center.cardIssuer.card(test.serial)
    #expect(record.codesSold == 5 && record.amounts == [Money(minorUnits: 1500, currency: .yen)])
    _ = try await test.center.verify()
  }

  @Test func P6_sameOrderNeverChargesAgain() async throws {
    let test = try await TestCenter()
    let order = try test.chargeOrder(try await test.issuedCardAndTitle())
    let first = try await test.center.charging.charge(order, over: TestRelay(test.card))
    let idle = TestRelay(test.card)
    #expect(try await test.center.charging.charge(order, over: idle) == first)
    #expect(idle.exchanges == 0)
    var other = order
    other.acceptsFewer = true
    await #expect(throws: CenterError.self) { _ = try await test.center.charging.charge(other, over: idle) }
    #expect(try await test.balance(.holder(test.serial)) == -1500)
  }

  /// Breaks the line before and after every message; the next run settles, and the price is paid once.
  @Test(arguments: [TestRelay.Moment.before, .after])
  func P6_chargeSurvivesACutAtEveryMessage(moment: TestRelay.Moment) async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle(maximumCodes: 10_000)
    let whole = TestRelay(test.card)
    _ = try await test.center.charging.charge(try test.chargeOrder(title, quantity: 20), over: whole)
    var charged = 20
    for index in 0..<whole.exchanges {
      let order = try test.chargeOrder(title, quantity: 20)
      let broken = TestRelay(test.card)
      broken.cut = (index, moment)
      await #expect(throws: CenterError.self) { _ = try await test.center.charging.charge(order, over: broken) }
      #expect(try await test.balance(.holder(test.serial)) == Int64(-300 * charged))
      let outcome = try await test.center.charging.charge(order, over: TestRelay(test.card))
      charged += 20
      #expect(outcome.state == .booked)
      #expect(test.card.state.codes.count == charged, "cut at message \(index)")
      #expect(try await test.balance(.holder(test.serial)) == Int64(-300 * charged))
    }
    #expect(try await test.count("SELECT id FROM charges WHERE state = 'open'") == 0)
    _ = try await test.center.verify()
  }

  /// An open charge is settled by whichever order comes next.
  @Test func P6_nextOrderSettlesAnOpenCharge() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let first = try test.chargeOrder(title)
    let broken = TestRelay(test.card)
    broken.cutAt = (.storeData, .before)
    await #expect(throws: CenterError.self) { _ = try await test.center.charging.charge(first, over: broken) }
    #expect(try await test.center.charging.outcome(of: first.operationID)?.state == .open)
    let second = try await test.center.charging.charge(try test.chargeOrder(title), over: TestRelay(test.card))
    #expect(second.number == 2)
    #expect(try await test.center.charging.outcome(of: first.operationID)?.state == .booked)
    #expect(try await test.balance(.holder(test.serial)) == -3000)
    #expect(try await test.center.charging.charges(of: test.serial).map(\.number) == [1, 2])
  }

  @Test(arguments: [StatusWord.notEnoughMemory, .conditionsNotSatisfied])
  func P6_failureWritesNothingBillable(refusal: StatusWord) async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    test.card.refusal = refusal
    let order = try test.chargeOrder(title)
    let error = await expectFailure(.cardRefused) {
      _ = try await test.center.charging.charge(order, over: TestRelay(test.card))
    }
    #expect(error?.statusWord == refusal)
    #expect(test.card.state.codes.isEmpty)
    #expect(try await test.count("SELECT id FROM ledger_entries") == 0)
    #expect(try await test.count("SELECT id FROM codes WHERE state <> 'voided' OR code IS NOT NULL") == 0)
    #expect(try await test.center.cardIssuer.card(test.serial).codesSold == 0)
    test.card.refusal = nil
    let outcome = try await test.center.charging.charge(try test.chargeOrder(title), over: TestRelay(test.card))
    #expect(outcome.state == .booked && outcome.number == 1)
  }

  /// After a memory failure the card may yet have the batch, so that the charge stays open until it is known.
  @Test func P6_memoryFailureLeavesTheChargeOpen() async throws {
    let test = try await TestCenter()
    let order = try test.chargeOrder(try await test.issuedCardAndTitle())
    test.card.refusal = .memoryFailure
    for _ in 0..<2 {
      let error = await expectFailure(.cardRefused) {
        _ = try await test.center.charging.charge(order, over: TestRelay(test.card))
      }
      #expect(error?.statusWord == .memoryFailure && error?.cardMayHaveChanged == true)
      #expect(try await test.center.charging.outcome(of: order.operationID)?.state == .open)
      #expect(try await test.balance(.holder(test.serial)) == 0)
    }
    test.card.refusal = nil
    #expect(try await test.center.charging.charge(order, over: TestRelay(test.card)).state == .booked)
    #expect(test.card.state.codes.count == 5)
    #expect(try await test.balance(.holder(test.serial)) == -1500)
  }

  /// S11 fails, S13: nothing is opened, billed or sent.
  @Test func P6_uncertifiedCardWritesNothing() async throws {
    let test = try await TestCenter()
    let order = try test.chargeOrder(try await test.issuedCardAndTitle())
    test.card.state.individualKey = [UInt8](repeating: 1, count: 32)
    await expectFailure(.notCertified) {
      _ = try await test.center.charging.charge(order, over: TestRelay(test.card))
    }
    #expect(try await test.count("SELECT id FROM charges") == 0)
    #expect(try await test.count("SELECT id FROM codes") == 0)
    #expect(test.card.state.codes.isEmpty)
  }

  /// Refusals carry no MAC: a relay that makes one up gains nothing, for the card is asked again.
  @Test func P6_madeUpRefusalIsSeenThrough() async throws {
    let test = try await TestCenter()
    let order = try test.chargeOrder(try await test.issuedCardAndTitle(), quantity: 1)
    let liar = TestRelay(test.card)
    liar.tamper = { command, response in
      command.ins == Instruction.storeData.rawValue ? ResponseAPDU(status: .notEnoughMemory) : response
    }
    let outcome = try await test.center.charging.charge(order, over: liar)
    #expect(outcome.state == .booked && test.card.state.codes.count == 1)
    #expect(try await test.balance(.holder(test.serial)) == -300)
  }

  @Test func P6_receiptOfAnotherKeyBooksNothing() async throws {
    let test = try await TestCenter()
    let order = try test.chargeOrder(try await test.issuedCardAndTitle())
    let broken = TestRelay(test.card)
    broken.cutAt = (.storeData, .after)
    await #expect(throws: CenterError.self) { _ = try await test.center.charging.charge(order, over: broken) }
    try #require(test.card.state.chargeNumber == 1)
    let receipt = try #require(test.card.state.objects[DataTag.chargeReceipt.rawValue])
    for index in receipt.indices {
      test.card.state.objects[DataTag.chargeReceipt.rawValue]?[index] ^= 0x80
      await #expect(throws: CenterError.self, "octet \(index)") {
        _ = try await test.center.charging.charge(order, over: TestRelay(test.card))
      }
      test.card.state.objects[DataTag.chargeReceipt.rawValue] = receipt
    }
    #expect(try await test.balance(.holder(test.serial)) == 0)
    #expect(try await test.center.charging.charge(order, over: TestRelay(test.card)).state == .booked)
  }

  /// A receipt is the card's word or nothing, for a charge that is booked already too.
  @Test func P6_receiptIsTheCardsWord() async throws {
    let test = try await TestCenter()
    let order = try test.chargeOrder(try await test.issuedCardAndTitle())
    #expect(try await test.center.charging.receipt(of: test.serial, over: TestRelay(test.card)) == nil)
    let outcome = try await test.center.charging.charge(order, over: TestRelay(test.card))
    let shown = try await test.center.charging.receipt(of: test.serial, over: TestRelay(test.card))
    #expect(shown?.charge == outcome && shown?.isNews == false)
    let receipt = try #require(test.card.state.objects[DataTag.chargeReceipt.rawValue])
    for index in [receipt.startIndex, receipt.endIndex - 1] {
      test.card.state.objects[DataTag.chargeReceipt.rawValue]?[index] ^= 1
      await expectFailure(.notCertified, "octet \(index)") {
        _ = try await test.center.charging.receipt(of: test.serial, over: TestRelay(test.card))
      }
      test.card.state.objects[DataTag.chargeReceipt.rawValue] = receipt
    }
  }

  /// What somebody did to an open charge's codes in the database goes to no card.
  @Test func P6_changedBatchIsNotSent() async throws {
    let test = try await TestCenter()
    let order = try test.chargeOrder(try await test.issuedCardAndTitle())
    let broken = TestRelay(test.card)
    broken.cutAt = (.storeData, .before)
    await expectFailure(.cardUnreachable) { _ = try await test.center.charging.charge(order, over: broken) }
    _ = try await test.center.context.database.write { try $0.run("UPDATE codes SET uses = 9 WHERE position = 0", []) }
    await expectFailure(.damaged) { _ = try await test.center.charging.charge(order, over: TestRelay(test.card)) }
    #expect(test.card.state.codes.isEmpty)
    #expect(try await test.balance(.holder(test.serial)) == 0)
  }

  /// An old card image, its counter turned back.
  @Test func rolledBackCardIsNotCharged() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let old = test.card.state
    _ = try await test.center.charging.charge(try test.chargeOrder(title), over: TestRelay(test.card))
    test.card.state = old
    await expectFailure(.notCertified) {
      _ = try await test.center.charging.charge(try test.chargeOrder(title), over: TestRelay(test.card))
    }
    #expect(try await test.balance(.holder(test.serial)) == -1500)
  }

  @Test func P16_limitEnforced() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle(maximumCodes: 7)
    _ = try await test.center.charging.charge(try test.chargeOrder(title), over: TestRelay(test.card))
    await expectFailure(.limitReached) {
      _ = try await test.center.charging.charge(try test.chargeOrder(title, quantity: 3), over: TestRelay(test.card))
    }
    #expect(try await test.count("SELECT id FROM charges") == 1)
    let fewer = try await test.center.charging.charge(
      try test.chargeOrder(title, acceptsFewer: true), over: TestRelay(test.card))
    #expect(fewer.desired == 5 && fewer.actual == 2)
    await #expect(throws: CenterError.self) {
      _ = try await test.center.charging.charge(
        try test.chargeOrder(title, quantity: 1, acceptsFewer: true), over: TestRelay(test.card))
    }
    #expect(try await test.center.cardIssuer.card(test.serial).codesSold == 7)
    await #expect(throws: CenterError.self) {
      _ = try await test.center.rightsSeller.sell(
        SealSheetOrder(
          operationID: test.operationID(), cardSerial: test.serial, softwareID: title.softwareID, quantity: 1, url: "u")
      )
    }
  }

  /// Codes of a charge that is still open count: paper cannot sell what the card may already hold.
  @Test func P16_openChargeCountsTowardsTheLimit() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle(maximumCodes: 7)
    let broken = TestRelay(test.card)
    broken.cutAt = (.storeData, .after)
    let order = try test.chargeOrder(title)
    await expectFailure(.cardUnreachable) { _ = try await test.center.charging.charge(order, over: broken) }
    func sheet(_ quantity: UInt16) throws -> SealSheetOrder {
      try SealSheetOrder(
        operationID: test.operationID(), cardSerial: test.serial, softwareID: title.softwareID, quantity: quantity,
        url: "u")
    }
    await expectFailure(.limitReached) { _ = try await test.center.rightsSeller.sell(try sheet(3)) }
    _ = try await test.center.rightsSeller.sell(try sheet(2))
    _ = try await test.center.charging.charge(order, over: TestRelay(test.card))
    #expect(try await test.center.cardIssuer.card(test.serial).codesSold == 7)
  }

  @Test func fullCardTakesWhatFits() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle(maximumCodes: 5000)
    test.card.state.capacity = 3
    let outcome = try await test.center.charging.charge(
      try test.chargeOrder(title, acceptsFewer: true), over: TestRelay(test.card))
    #expect(outcome.actual == 3 && test.card.state.codes.count == 3)
  }

  @Test func largestChargeFits() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle(maximumCodes: 5000)
    let outcome = try await test.center.charging.charge(
      try test.chargeOrder(title, quantity: 1024), over: TestRelay(test.card))
    #expect(outcome.actual == 1024 && test.card.state.codes.count == 1024)
  }

  /// A charge whose card never came back: its codes die before any money moves, even if the card had them.
  @Test func refundVoidsTheCodesFirst() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    try await test.center.ledger.deposit(
      Money(minorUnits: 1500, currency: .yen), for: test.serial, operation: try test.operationID())
    let order = try test.chargeOrder(title)
    let broken = TestRelay(test.card)
    broken.cutAt = (.storeData, .after)
    await #expect(throws: CenterError.self) { _ = try await test.center.charging.charge(order, over: broken) }
    try #require(test.card.state.codes.count == 5)
    for _ in 0..<2 {
      #expect(try await test.center.charging.refund(order.operationID).state == .voided)
      #expect(try await test.balance(.holder(test.serial)) == 0)
      #expect(try await test.balance(.cash) == 0)
    }
    for record in test.card.state.codes {
      let code = try #require(RetrievalCode(octets: record.code))
      #expect(try await test.center.rightsSeller.record(of: code)?.state == .voided)
    }
    await #expect(throws: CenterError.self) {
      _ = try await test.center.charging.charge(order, over: TestRelay(test.card))
    }
    let next = try await test.center.charging.charge(try test.chargeOrder(title), over: TestRelay(test.card))
    #expect(next.number == 2 && next.state == .booked)
    await #expect(throws: CenterError.self) { _ = try await test.center.charging.refund(next.operationID) }
    _ = try await test.center.verify()
  }

  /// What nobody knows yet whether it is sold is not ended; what is ended stays so.
  @Test func P8_codeOfAnOpenChargeIsNotRetired() async throws {
    let test = try await TestCenter()
    let order = try test.chargeOrder(try await test.issuedCardAndTitle())
    let broken = TestRelay(test.card)
    broken.cutAt = (.storeData, .after)
    await expectFailure(.cardUnreachable) { _ = try await test.center.charging.charge(order, over: broken) }
    let code = try #require(test.card.state.codes.first.flatMap { RetrievalCode(octets: $0.code) })
    await expectFailure(.conflict) { try await test.center.seatRecovery.retire(code) }
    #expect(try await test.center.charging.charge(order, over: TestRelay(test.card)).state == .booked)
    try await test.center.seatRecovery.retire(code)
    #expect(try await test.center.charging.charge(order, over: TestRelay(test.card)).state == .booked)
    #expect(try await test.center.rightsSeller.record(of: code)?.state == .voided)
  }

  /// A settlement decides about what is reserved, and about nothing else.
  @Test func settlementLeavesWhatIsDecidedAlone() async throws {
    let test = try await TestCenter()
    let order = try test.chargeOrder(try await test.issuedCardAndTitle())
    let broken = TestRelay(test.card)
    broken.cutAt = (.storeData, .after)
    await expectFailure(.cardUnreachable) { _ = try await test.center.charging.charge(order, over: broken) }
    _ = try await test.center.context.database.write {
      try $0.run("UPDATE codes SET state = 'voided' WHERE position = 0", [])
    }
    #expect(try await test.center.charging.charge(order, over: TestRelay(test.card)).state == .booked)
    #expect(try await test.count("SELECT 1 FROM codes WHERE state = 'voided' AND position = 0") == 1)
    #expect(try await test.count("SELECT 1 FROM codes WHERE state = 'unused'") == 4)
  }

  /// What a refund pays is decided once: money that comes in later is none of its business.
  @Test func refundAgainPaysNoLaterDepositOut() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let order = try test.chargeOrder(title)
    let broken = TestRelay(test.card)
    broken.cutAt = (.storeData, .after)
    await #expect(throws: CenterError.self) { _ = try await test.center.charging.charge(order, over: broken) }
    let first = try await test.center.charging.refund(order.operationID)
    #expect(first.state == .voided)
    try await test.center.ledger.deposit(
      Money(minorUnits: 1500, currency: .yen), for: test.serial, operation: try test.operationID())
    #expect(try await test.center.charging.refund(order.operationID) == first)
    #expect(try await test.balance(.holder(test.serial)) == 1500)
    let refund = try await test.center.ledger.statement(of: .holder(test.serial), in: .yen).first
    #expect(refund?.operation == "refund:\(order.operationID)" && refund?.amount == .zero(.yen))
    _ = try await test.center.verify()
  }

  /// A charge that its card refused was never billed.
  @Test func refusedChargeRefundsNothing() async throws {
    let test = try await TestCenter()
    let order = try test.chargeOrder(try await test.issuedCardAndTitle())
    try await test.center.ledger.deposit(
      Money(minorUnits: 1500, currency: .yen), for: test.serial, operation: try test.operationID())
    test.card.refusal = .notEnoughMemory
    await expectFailure(.cardRefused) {
      _ = try await test.center.charging.charge(order, over: TestRelay(test.card))
    }
    #expect(try await test.center.charging.refund(order.operationID).state == .voided)
    #expect(try await test.balance(.holder(test.serial)) == 1500)
  }
}
