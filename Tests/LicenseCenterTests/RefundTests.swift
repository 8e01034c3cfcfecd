import CardProtocol
import Formats
import Identifiers
import Testing

@testable import LicenseCenter

/// Unused codes taken back. A code costs 300 yen.
@Suite(.onEveryEngine) struct RefundTests {
  private func order(
    _ test: TestCenter, _ source: RefundSource, to destination: RefundDestination = .account
  ) throws -> RefundOrder {
    RefundOrder(
      operationID: try test.operationID(), cardSerial: test.serial, source: source, destination: destination)
  }

  private func states(_ test: TestCenter) async throws -> [String: Int] {
    try await test.center.context.database.read { transaction in
      let rows = try transaction.run("SELECT state, COUNT(*) AS count FROM codes GROUP BY state")
      return try Dictionary(uniqueKeysWithValues: rows.map { (try $0.text("state"), try $0.number("count")) })
    }
  }

  /// What is unused is voided and its price is back; what a guest has, is not; nothing twice.
  @Test func unusedCodesAreVoidedAndTheirPriceIsBack() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle(maximumCodes: 5)
    let sheet = try await test.sell(5, of: title)
    try await test.redeem(2, of: sheet)
    let order = try order(test, .sheet(sheet.number))
    let outcome = try await test.center.refunds.refund(order)
    #expect(outcome.codes == 3 && outcome.price.minorUnits == 900 && outcome.paid.minorUnits == 0)
    #expect(try await test.center.refunds.refund(order) == outcome)
    #expect(try await states(test) == ["used": 2, "voided": 3])
    #expect(try await test.balance(.holder(test.serial)) == -600)
    #expect(try await test.balance(.seller("Publisher")) == 600)
    await expectFailure(.conflict) {
      _ = try await test.center.refunds.refund(try self.order(test, .sheet(sheet.number)))
    }
    var changed = order
    changed.destination = .cash
    await expectFailure(.keyReused) { _ = try await test.center.refunds.refund(changed) }
    changed = order
    changed.source = .sheet(77)
    await expectFailure(.keyReused, "what there never was") { _ = try await test.center.refunds.refund(changed) }
    #expect(try await test.center.refunds.refunds(of: test.serial) == [outcome])
    _ = try await test.center.verify()
  }

  /// Fig 8: utilisation count and amount go back too, and the room under the maximum is there again.
  @Test func P16_refundedCodesMakeRoomUnderTheMaximum() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle(maximumCodes: 5)
    let charge = try test.chargeOrder(title, quantity: 5)
    _ = try await test.center.charging.charge(charge, over: TestRelay(test.card))
    await expectFailure(.limitReached) { try await test.sell(1, of: title) }
    _ = try await test.center.refunds.refund(try order(test, .charge(charge.operationID)))
    let record = try await test.center.cardIssuer.card(test.serial)
    #expect(record.codesSold == 0 && record.amounts == [])
    try await test.sell(5, of: title)
    await expectFailure(.limitReached) { try await test.sell(1, of: title) }
    // The card still holds what is worth nothing.
    #expect(test.card.state.codes.count == 5)
    let code = try #require(test.card.state.codes.first.flatMap { RetrievalCode(octets: $0.code) })
    #expect(try await test.center.rightsSeller.record(of: code)?.state == .voided)
  }

  @Test func oneCodeIsRefundedAlone() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let sheet = try await test.sell(3, of: title)
    let order = try order(test, .code(sheet.codes[1]))
    let outcome = try await test.center.refunds.refund(order)
    #expect(outcome.codes == 1 && outcome.price.minorUnits == 300)
    #expect(try await test.center.refunds.refund(order) == outcome)
    #expect(try await test.center.rightsSeller.record(of: sheet.codes[1])?.state == .voided)
    #expect(try await states(test) == ["unused": 2, "voided": 1])
  }

  @Test func onlyWhoseTheyAreAndOnlyWhatWasSold() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let other = try await test.anotherHolder().serial
    let sheet = try await test.sell(2, of: title, to: other)
    let unknown = try #require(RetrievalCode(octets: [UInt8](repeating: 7, count: 10)))
    let lost = try test.chargeOrder(title)
    let broken = TestRelay(test.card)
    broken.cutAt = (.storeData, .after)
    await expectFailure(.cardUnreachable) { _ = try await test.center.charging.charge(lost, over: broken) }
    let sources: [RefundSource] = [
      .sheet(sheet.number), .code(sheet.codes[0]), .code(unknown), .sheet(77), .charge(try test.operationID()),
      .charge(lost.operationID),
    ]
    for source in sources {
      await expectFailure(.notFound, "\(source)") {
        _ = try await test.center.refunds.refund(try order(test, source))
      }
    }
    #expect(try await states(test) == ["unused": 2, "reserved": 5])
  }

  /// Cash only as far as the account has credit: a debt is paid first.
  @Test(arguments: [(0, 0, -300), (300, 0, 0), (600, 300, 0), (5_000, 900, 3_800)] as [(Int64, Int64, Int64)])
  func cashIsPaidAsFarAsThereIsCredit(deposit: Int64, paid: Int64, left: Int64) async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    if deposit > 0 {
      try await test.center.ledger.deposit(
        Money(minorUnits: deposit, currency: .yen), for: test.serial, operation: try test.operationID())
    }
    let sheet = try await test.sell(4, of: title)
    try await test.redeem(1, of: sheet)
    let outcome = try await test.center.refunds.refund(try order(test, .sheet(sheet.number), to: .cash))
    #expect(outcome.price.minorUnits == 900 && outcome.paid.minorUnits == paid)
    #expect(try await test.balance(.holder(test.serial)) == left)
    #expect(try await test.balance(.cash) == paid - deposit)
    _ = try await test.center.verify()
  }

  /// Back to where it came from: not answered at first, or refused, and always once.
  @Test(arguments: [[], [.timeOut], [.answerLost, .timeOut], [.decline]] as [[SimulatedMethod.Turn]])
  func theMeansOfPaymentIsPaidBackOnce(_ turns: [SimulatedMethod.Turn]) async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let center = try await test.reopened()
    try await center.payments.file(try #require(SimulatedMethod(refund: turns).method), for: test.serial)
    let sale = try test.sheetOrder(title, quantity: 4)
    let sheet = try await center.rightsSeller.sell(sale)
    try await test.redeem(1, of: sheet)
    let order = try order(test, .sheet(sheet.number), to: .payment)
    for _ in 0..<2 { #expect(try await center.refunds.refund(order).paid.minorUnits == 900) }
    while try await center.payments.reconcile().unknown > 0 {}
    let isDeclined = turns == [.decline]
    #expect(try await test.balance(.processor("simulated")) == (isDeclined ? -1200 : -300))
    #expect(try await test.balance(.holder(test.serial)) == (isDeclined ? 900 : 0))
    let payment = try #require(try await center.payments.payments(of: test.serial).first)
    #expect(payment.refunded.minorUnits == (isDeclined ? 0 : 900))
    #expect(try await center.payments.disagreements() == [])
    _ = try await center.verify()
    try center.close()
  }

  /// The centre is opened with another processor before the first one's answer is known: only the first one knows, and the
  /// money does not come back by two ways.
  @Test func anotherProcessorSaysNothingAboutARefund() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let center = try await test.reopened()
    try await center.payments.file(try #require(SimulatedMethod(refund: [.answerLost]).method), for: test.serial)
    let sheet = try await center.rightsSeller.sell(try test.sheetOrder(title, quantity: 4))
    let order = try order(test, .sheet(sheet.number), to: .payment)
    let first = try await center.refunds.refund(order)
    let other = try await test.reopened(payments: .processor(IgnorantProcessor()))
    #expect(try await other.refunds.refund(order) == first)
    #expect(try await other.payments.reconcile() == Reconciliation())
    #expect(try await test.balance(.holder(test.serial)) == 0)
    #expect(try await center.payments.reconcile() == Reconciliation(settled: 1, unknown: 0))
    #expect(try await test.balance(.holder(test.serial)) == 0)
    #expect(try await center.payments.disagreements() == [])
    for center in [center, other] { try center.close() }
  }

  @Test func anotherProcessorSaysNothingAboutAPayment() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let center = try await test.reopened()
    try await center.payments.file(try #require(SimulatedMethod(capture: [.answerLost]).method), for: test.serial)
    let order = try test.sheetOrder(title, quantity: 4)
    let sheet = try await center.rightsSeller.sell(order)
    let other = try await test.reopened(payments: .processor(IgnorantProcessor()))
    #expect(try await other.rightsSeller.sell(order).codes == sheet.codes)
    #expect(try await other.payments.payments(of: test.serial).map(\.state) == [.capturing])
    #expect(try await center.payments.reconcile() == Reconciliation(settled: 1, unknown: 0))
    #expect(try await test.balance(.holder(test.serial)) == 0)
    for center in [center, other] { try center.close() }
  }

  @Test func whatWasNeverPaidByMeansOfPaymentIsNotPaidBackToOne() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let sheet = try await test.sell(4, of: title)
    await expectFailure(.conflict) {
      _ = try await test.center.refunds.refund(try order(test, .sheet(sheet.number), to: .payment))
    }
    #expect(try await states(test) == ["unused": 4])
  }

  /// Pay-back does not survive the sale it was for, paid out or not.
  @Test(arguments: [false, true]) func P7_payBackIsTakenBackWithTheSale(isPaidOut: Bool) async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    _ = try await test.set(try PaybackRule(.bulk, .share(perMille: 100), on: PaybackConditions(codesInSale: 3)))
    _ = try await test.set(
      try PaybackRule(
        .bulk, .amount(Money(minorUnits: 50, currency: .yen)), on: PaybackConditions(codesInAll: 8)))
    try await test.center.ledger.deposit(
      Money(minorUnits: 3_000, currency: .yen), for: test.serial, operation: try test.operationID())
    let sheet = try await test.sell(5, of: title)
    try await test.sell(3, of: title)
    #expect(try await test.payback() == 150 + 90 + 50)
    if isPaidOut {
      try await test.center.payback.payOut(
        Money(minorUnits: 290, currency: .yen), of: test.serial, to: .cash, operation: try test.operationID())
    }
    // One code less: a smaller share of that sale, and seven codes in all are not eight.
    let first = try await test.center.refunds.refund(try order(test, .code(sheet.codes[0])))
    #expect(first.recovered.minorUnits == (isPaidOut ? 80 : 0))
    #expect(try await test.payback() == (isPaidOut ? 0 : 120 + 90))
    // All of it: two are fewer than three, and nothing of that sale's share is left.
    let rest = try await test.center.refunds.refund(try order(test, .sheet(sheet.number)))
    #expect(rest.recovered.minorUnits == (isPaidOut ? 120 : 0))
    #expect(try await test.payback() == (isPaidOut ? 0 : 90))
    #expect(try await test.balance(.promotion(.bulk)) == -90)
    _ = try await test.center.verify()
  }

  /// A referral whose newcomer gives everything back is no referral; when they buy again it is one, once.
  @Test func P7_referralFollowsTheNewcomersCodes() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    _ = try await test.set(
      try PaybackRule(
        .referral, .amount(Money(minorUnits: 500, currency: .yen)), on: PaybackConditions(codesInAll: 2)))
    let newcomer = try await test.anotherHolder().serial
    try await test.center.payback.introduce(newcomer, by: .card(test.serial))
    for _ in 0..<3 {
      let sheet = try await test.sell(2, of: title, to: newcomer)
      #expect(try await test.payback() == 500)
      var order = try order(test, .sheet(sheet.number))
      order.cardSerial = newcomer
      _ = try await test.center.refunds.refund(order)
      #expect(try await test.payback() == 0)
    }
    try await test.sell(2, of: title, to: newcomer)
    #expect(try await test.payback() == 500)
    #expect(try await test.center.payback.grants(to: test.serial).count == 1)
    _ = try await test.center.verify()
  }
}

/// A processor that never heard of anything.
private struct IgnorantProcessor: PaymentProcessor {
  let name = "ignorant"

  func accepts(_: PaymentMethod) -> Bool { false }

  func authorise(
    _: OperationID, _: Money, from _: PaymentMethod
  ) async throws(PaymentFailure) -> PaymentAnswer { .declined(.impossible) }

  func capture(_: OperationID) async throws(PaymentFailure) -> PaymentAnswer { .declined(.impossible) }

  func void(_: OperationID) async throws(PaymentFailure) -> PaymentAnswer { .approved }

  func refund(
    _: OperationID, _: Money, of _: OperationID
  ) async throws(PaymentFailure) -> PaymentAnswer { .declined(.impossible) }

  func standing(of _: OperationID) async throws(PaymentFailure) -> PaymentStanding? { nil }
}
