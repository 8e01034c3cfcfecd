import Cryptography
import Formats
import Identifiers
import Synchronization
import Testing

@testable import LicenseCenter

/// A processor whose first approved authorisation is on its way while something else happens.
private struct LateProcessor: PaymentProcessor {
  let inner: SimulatedProcessor
  let meanwhile: @Sendable () async -> Void
  var name: String { inner.name }

  func accepts(_ method: PaymentMethod) -> Bool { inner.accepts(method) }

  func authorise(
    _ payment: OperationID, _ amount: Money, from method: PaymentMethod
  ) async throws(PaymentFailure) -> PaymentAnswer {
    let answer = try await inner.authorise(payment, amount, from: method)
    await meanwhile()
    return answer
  }

  func capture(_ payment: OperationID) async throws(PaymentFailure) -> PaymentAnswer {
    try await inner.capture(payment)
  }

  func void(_ payment: OperationID) async throws(PaymentFailure) -> PaymentAnswer { try await inner.void(payment) }

  func refund(
    _ refund: OperationID, _ amount: Money, of payment: OperationID
  ) async throws(PaymentFailure) -> PaymentAnswer {
    try await inner.refund(refund, amount, of: payment)
  }

  func standing(of payment: OperationID) async throws(PaymentFailure) -> PaymentStanding? {
    try await inner.standing(of: payment)
  }
}

/// Several at once, and answers that overtake each other.
@Suite(.onEveryEngine) struct PaymentRaceTests {
  /// The counter gives a charge up while its authorisation is on the way: the answer, when it comes, changes nothing, and
  /// no money is left aside.
  @Test func anAnswerThatComesLateChangesNothing() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let order = try test.chargeOrder(title)
    let other = try await test.reopened()
    let operation = order.operationID
    let late = LateProcessor(inner: SimulatedProcessor(database: test.center.context.database)) {
      _ = try? await other.charging.refund(operation)
    }
    let center = try await test.reopened(payments: .processor(late))
    try await center.payments.file(try #require(SimulatedMethod().method), for: test.serial)
    await expectFailure(.conflict) { _ = try await center.charging.charge(order, over: TestRelay(test.card)) }
    #expect(try await other.payments.payments(of: test.serial).map(\.state) == [.voided])
    #expect(test.card.state.codes.isEmpty)
    #expect(try await other.payments.disagreements() == [])
    #expect(try await test.count("SELECT id FROM ledger_entries") == 0)
    for center in [center, other] { try center.close() }
  }

  /// Many callers of one order, and many reconciliations, in two centres: one sale, one payment.
  @Test func manyAtOncePayOnce() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let (one, two) = (try await test.reopened(), try await test.reopened())
    let method = SimulatedMethod(authorise: [.answerLost], capture: [.answerLost, .timeOut])
    try await one.payments.file(try #require(method.method), for: test.serial)
    let order = try test.sheetOrder(title)
    await withTaskGroup(of: Void.self) { group in
      for round in 0..<12 {
        group.addTask { _ = try? await (round.isMultiple(of: 2) ? one : two).rightsSeller.sell(order) }
        group.addTask { _ = try? await (round.isMultiple(of: 2) ? two : one).payments.reconcile() }
      }
    }
    _ = try await one.rightsSeller.sell(order)
    while try await two.payments.reconcile().unknown > 0 {}
    #expect(try await one.payments.payments(of: test.serial).map(\.state) == [.captured])
    #expect(try await test.balance(.processor("simulated")) == -1500)
    #expect(try await test.balance(.holder(test.serial)) == 0)
    #expect(try await one.payments.disagreements() == [])
    _ = try await one.verify()
    for center in [one, two] { try center.close() }
  }

  /// A code is redeemed or refunded, never both, and refunded once.
  @Test func manyRefundsAtOnceRefundOnce() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let sheet = try await test.sell(20, of: title)
    let (center, serial) = (test.center, test.serial)
    let orders = try sheet.codes.map { code in
      RefundOrder(
        operationID: try test.operationID(), cardSerial: serial, source: .code(code), destination: .account)
    }
    let whole = RefundOrder(
      operationID: try test.operationID(), cardSerial: serial, source: .sheet(sheet.number), destination: .account)
    let refunded = await withTaskGroup(of: Int.self) { group in
      for order in orders + [whole] {
        group.addTask { (try? await center.refunds.refund(order).codes) ?? 0 }
      }
      return await group.reduce(0, +)
    }
    #expect(refunded == 20)
    #expect(try await test.balance(.holder(serial)) == 0)
    #expect(try await test.balance(.seller("Publisher")) == 0)
    #expect(try await center.cardIssuer.card(serial).codesSold == 0)
    _ = try await center.verify()
  }

  /// The accounts that were there before a centre learned of payments are there afterwards, and still held together.
  @Test func theMigrationKeepsTheLedger() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    try await test.sell(3, of: title)
    try await test.center.ledger.deposit(
      Money(minorUnits: 77, currency: .euro), for: test.serial, operation: try test.operationID())
    let dialect = test.center.context.database.dialect
    _ = try await test.center.context.database.write { transaction in
      for statement in Schema.payments(dialect).prefix(8) { try transaction.run(statement) }
    }
    try await test.center.ledger.verify()
    #expect(try await test.balance(.holder(test.serial)) == -900)
    if test.room.engine == .sqlite { #expect(try await test.count("PRAGMA foreign_key_check") == 0) }
    await expectFailure(.storage, "a movement on no account") {
      _ = try await test.center.context.database.write { transaction in
        try transaction.run("INSERT INTO postings (entry, line, account, amount) VALUES (1, 9, 999, 0)")
      }
    }
    try await test.sell(1, of: title)
    #expect(try await test.balance(.holder(test.serial)) == -1200)
  }
}
