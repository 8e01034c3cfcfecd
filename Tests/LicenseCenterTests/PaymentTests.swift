import CardProtocol
import Cryptography
import Formats
import Identifiers
import Synchronization
import Testing

@testable import LicenseCenter

extension TestCenter {
  /// The same centre, opened once more with the simulated processor: as after a restart.
  func reopened(payments: PaymentConnection = .simulated) async throws -> Center {
    try await CenterFolder(path).open(
      passphrase: Secret(copying: TestCenter.passphrase), database: room.location, random: random, clock: clock,
      payments: payments)
  }

  func sheetOrder(_ title: TitleRecord, quantity: UInt16 = 5) throws -> SealSheetOrder {
    try SealSheetOrder(
      operationID: try operationID(), cardSerial: serial, softwareID: title.softwareID, quantity: quantity,
      url: "https://example.com")
  }

  func licenseRequest(_ title: TitleRecord) throws -> LicenseRequest {
    LicenseRequest(
      operationID: try operationID(), cardSerial: serial, softwareID: title.softwareID,
      mediumID: try #require(MediumID(octets: random.octets(16))), terms: LicenseTerms())
  }
}

/// Sales of 5 codes for 300 yen each, or of one licence, paid from a means of payment that goes as it is told.
@Suite(.onEveryEngine) struct PaymentTests {
  /// What is sold.
  enum Sale: CaseIterable {
    case charge, sheet, license

    var price: Int64 { self == .license ? 300 : 1500 }

    /// Something that sells the same order, each time it is called.
    func order(_ test: TestCenter, _ title: TitleRecord) throws -> (Center) async throws -> Void {
      switch self {
      case .charge:
        let order = try test.chargeOrder(title)
        return { _ = try await $0.charging.charge(order, over: TestRelay(test.card)) }
      case .sheet:
        let order = try test.sheetOrder(title)
        return { _ = try await $0.rightsSeller.sell(order) }
      case .license:
        let request = try test.licenseRequest(title)
        return { _ = try await $0.copyLicenses.license(request) }
      }
    }
  }

  private func shop(
    _ method: SimulatedMethod? = SimulatedMethod()
  ) async throws -> (test: TestCenter, center: Center, title: TitleRecord) {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let center = try await test.reopened()
    if let method { try await center.payments.file(try #require(method.method), for: test.serial) }
    return (test, center, title)
  }

  private func state(_ center: Center, _ test: TestCenter) async throws -> [PaymentRecord.State] {
    try await center.payments.payments(of: test.serial).map(\.state)
  }

  @Test(arguments: Sale.allCases)
  func aBillIsPaidFromTheMeansOnFile(_ sale: Sale) async throws {
    let (test, center, title) = try await shop()
    let order = try sale.order(test, title)
    for _ in 0..<2 { try await order(center) }
    #expect(try await state(center, test) == [.captured])
    #expect(try await test.balance(.holder(test.serial)) == 0)
    #expect(try await test.balance(.seller("Publisher")) == sale.price)
    #expect(try await test.balance(.processor("simulated")) == -sale.price)
    #expect(try await center.payments.disagreements() == [])
    _ = try await center.verify()
    try center.close()
  }

  @Test(arguments: Sale.allCases)
  func aBillStaysOnTheAccountWhereNothingIsOnFile(_ sale: Sale) async throws {
    let (test, center, title) = try await shop(nil)
    let order = try sale.order(test, title)
    try await order(center)
    #expect(try await state(center, test) == [])
    #expect(try await test.balance(.holder(test.serial)) == -sale.price)
    try await center.payments.file(try #require(SimulatedMethod().method), for: test.serial)
    try await center.payments.forgetMethod(of: test.serial)
    try await sale.order(test, title)(center)
    #expect(try await test.balance(.holder(test.serial)) == -2 * sale.price)
    #expect(try await test.balance(.processor("simulated")) == 0)
    try center.close()
  }

  /// A refused means of payment buys nothing, and the card hears of nothing.
  @Test(arguments: Sale.allCases, [SimulatedMethod.Turn.decline, .expired])
  func nothingIsSoldOnARefusedMeansOfPayment(_ sale: Sale, _ turn: SimulatedMethod.Turn) async throws {
    let (test, center, title) = try await shop(SimulatedMethod(authorise: [turn]))
    let order = try sale.order(test, title)
    await expectFailure(.paymentDeclined) { try await order(center) }
    await expectFailure(sale == .charge ? .conflict : .paymentDeclined, "again") { try await order(center) }
    #expect(try await state(center, test) == [.declined])
    #expect(test.card.state.codes.isEmpty)
    #expect(try await test.count("SELECT id FROM codes WHERE state <> 'voided'") == 0)
    #expect(try await test.count("SELECT number FROM licenses") == 0)
    #expect(try await test.count("SELECT id FROM ledger_entries") == 0)
    #expect(try await center.cardIssuer.card(test.serial).codesSold == 0)
    // Another order with a good one goes through, and nobody is stuck.
    try await center.payments.file(try #require(SimulatedMethod().method), for: test.serial)
    try await sale.order(test, title)(center)
    #expect(try await test.balance(.processor("simulated")) == -sale.price)
    try center.close()
  }

  /// The answer to `authorise` never comes, whether or not the money is set aside: the same order again sells once, in a
  /// centre that was started anew.
  @Test(arguments: Sale.allCases, [SimulatedMethod.Turn.timeOut, .answerLost])
  func anUnknownOutcomeIsAskedForAgain(_ sale: Sale, _ turn: SimulatedMethod.Turn) async throws {
    let (test, center, title) = try await shop(SimulatedMethod(authorise: [turn, turn]))
    let order = try sale.order(test, title)
    await expectFailure(.paymentUnknown) { try await order(center) }
    #expect(try await test.count("SELECT id FROM ledger_entries") == 0)
    #expect(test.card.state.codes.isEmpty)
    try center.close()
    let later = try await test.reopened()
    await expectFailure(.paymentUnknown) { try await order(later) }
    try await order(later)
    #expect(try await state(later, test) == [.captured])
    #expect(try await test.balance(.processor("simulated")) == -sale.price)
    #expect(try await later.payments.disagreements() == [])
    try later.close()
  }

  /// The sale stands when the answer to `capture` never comes; reconciliation asks until it does, and takes it once.
  @Test(arguments: Sale.allCases, [SimulatedMethod.Turn.timeOut, .answerLost])
  func reconciliationSettlesWhatWasNotAnswered(_ sale: Sale, _ turn: SimulatedMethod.Turn) async throws {
    let (test, center, title) = try await shop(SimulatedMethod(capture: [turn, turn]))
    try await sale.order(test, title)(center)
    #expect(try await state(center, test) == [.capturing])
    #expect(try await test.balance(.holder(test.serial)) == -sale.price)
    try center.close()
    let later = try await test.reopened()
    #expect(try await later.payments.reconcile() == Reconciliation(settled: 0, unknown: 1))
    #expect(try await later.payments.reconcile() == Reconciliation(settled: 1, unknown: 0))
    #expect(try await later.payments.reconcile() == Reconciliation())
    #expect(try await state(later, test) == [.captured])
    #expect(try await test.balance(.holder(test.serial)) == 0)
    #expect(try await test.balance(.processor("simulated")) == -sale.price)
    #expect(try await later.payments.disagreements() == [])
    try later.close()
  }

  /// What is sold and then refused by the processor after all is owed by the holder.
  @Test func aRefusedCaptureIsOwed() async throws {
    let (test, center, title) = try await shop(SimulatedMethod(capture: [.decline]))
    try await Sale.sheet.order(test, title)(center)
    #expect(try await state(center, test) == [.uncollected])
    #expect(try await test.balance(.holder(test.serial)) == -1500)
    #expect(try await test.balance(.processor("simulated")) == 0)
    #expect(try await center.payments.disagreements() == [])
    try center.close()
  }

  /// A charge that was given up while its payment was unknown: the money is let go, even if it was set aside.
  @Test(arguments: [SimulatedMethod.Turn.timeOut, .answerLost])
  func whatIsGivenUpIsLetGo(_ turn: SimulatedMethod.Turn) async throws {
    let (test, center, title) = try await shop(SimulatedMethod(authorise: [turn], void: [turn]))
    let order = try test.chargeOrder(title)
    await expectFailure(.paymentUnknown) { _ = try await center.charging.charge(order, over: TestRelay(test.card)) }
    _ = try await center.charging.refund(order.operationID)
    #expect(try await state(center, test) == [.voiding])
    #expect(try await center.payments.reconcile() == Reconciliation(settled: 1, unknown: 0))
    #expect(try await state(center, test) == [.voided])
    #expect(try await test.count("SELECT id FROM ledger_entries") == 0)
    // A request that was on its way all the time comes too late.
    let payment = try #require(try await center.payments.payments(of: test.serial).first)
    let late = try await SimulatedProcessor(database: center.context.database).authorise(
      payment.payment, payment.amount, from: try #require(SimulatedMethod().method))
    #expect(late == .declined(.impossible))
    try center.close()
  }

  /// The process dies between setting aside and selling, and nobody comes back.
  @Test func whatWasSetAsideForNoSaleIsLetGoInTime() async throws {
    let (test, center, title) = try await shop()
    let request = try test.licenseRequest(title)
    try await center.payments.authorise(
      Bill(reference: "license-request:\(request.operationID)", holder: test.serial, amount: title.price))
    #expect(try await center.payments.reconcile() == Reconciliation())
    test.clock.advance(by: Payments.patience + 1)
    #expect(try await center.payments.reconcile() == Reconciliation(settled: 1, unknown: 0))
    #expect(try await state(center, test) == [.voided])
    await expectFailure(.conflict) { _ = try await center.copyLicenses.license(request) }
    #expect(try await test.count("SELECT number FROM licenses") == 0)
    try center.close()
  }

  /// Whenever the counter gives the payment up while something is being sold: either nothing was sold, or it is paid.
  @Test(arguments: [Sale.sheet, .license])
  func nothingIsSoldOnAPaymentThatWasGivenUpMeanwhile(_ sale: Sale) async throws {
    let (test, center, title) = try await shop()
    let serial = test.serial
    var (sold, givenUp) = (0, 0)
    for step in 1...8 {
      let order = try sale.order(test, title)
      var context = center.context
      context.database = InterruptedDatabase(base: center.context.database, step: step) {
        for payment in try await center.payments.payments(of: serial)
        where [.authorising, .authorised].contains(payment.state) {
          _ = try await center.payments.void(payment.payment)
        }
      }
      do {
        try await order(Center(context: context))
        sold += 1
      } catch let error as CenterError {
        #expect(error.code == .conflict, "step \(step)")
        givenUp += 1
      }
      #expect(try await state(center, test).filter { $0 == .captured }.count == sold, "step \(step)")
      #expect(try await test.balance(.holder(test.serial)) == 0, "step \(step)")
      #expect(try await test.balance(.seller("Publisher")) == Int64(sold) * sale.price, "step \(step)")
    }
    #expect(sold > 0 && givenUp >= 2, "given up before and after the amount was set aside")
    #expect(try await center.payments.disagreements() == [])
    try center.close()
  }

  /// A sale that fails after the money was set aside lets it go at once.
  @Test func aFailedSaleLetsTheMoneyGo() async throws {
    let (test, center, title) = try await shop()
    await expectFailure(.limitReached) {
      _ = try await center.rightsSeller.sell(try test.sheetOrder(title, quantity: 101))
    }
    #expect(try await state(center, test) == [.voided])
    var request = try test.licenseRequest(title)
    request.terms = LicenseTerms(requiresAttestedMedium: true)
    await expectFailure(.invalid) { _ = try await center.copyLicenses.license(request) }
    #expect(try await state(center, test) == [.voided, .voided])
    #expect(try await center.payments.disagreements() == [])
    try center.close()
  }

  @Test func disagreementsAreFound() async throws {
    let (test, center, title) = try await shop()
    try await Sale.sheet.order(test, title)(center)
    try await Sale.license.order(test, title)(center)
    _ = try await center.context.database.write { transaction in
      try transaction.run("UPDATE simulated_payments SET state = 'authorised' WHERE amount = 1500")
    }
    let found = try await center.payments.disagreements()
    #expect(found.map(\.record.amount.minorUnits) == [1500] && found.first?.standing?.state == .authorised)
    try center.close()
  }

  @Test func aCentreWithoutProcessorFilesNothing() async throws {
    let (test, center, _) = try await shop()
    let method = try #require(PaymentMethod(token: "somebody-else's"))
    await expectFailure(.invalid) { try await center.payments.file(method, for: test.serial) }
    await expectFailure(.conflict) { try await test.center.payments.file(method, for: test.serial) }
    await expectFailure(.conflict) { _ = try await test.center.payments.reconcile() }
    try center.close()
  }

  /// What is about to be taken for a sale is not collected as a debt as well.
  @Test func whatIsBeingTakenIsNoDebt() async throws {
    let (test, center, title) = try await shop(SimulatedMethod(capture: [.timeOut]))
    _ = try await center.rightsSeller.sell(try test.sheetOrder(title))
    #expect(try await test.balance(.holder(test.serial)) == -1500)
    await expectFailure(.conflict) {
      _ = try await center.payments.collect(from: test.serial, in: .yen, operation: try test.operationID())
    }
    #expect(try await center.payments.payments(of: test.serial).map(\.state) == [.capturing])
    #expect(try await center.payments.reconcile() == Reconciliation(settled: 1, unknown: 0))
    #expect(try await test.balance(.holder(test.serial)) == 0)
    try center.close()
  }

  /// However long a card stays away, what was set aside for its charge waits: the card decides.
  @Test func P6_openChargeKeepsWhatWasSetAside() async throws {
    let (test, center, title) = try await shop()
    let order = try test.chargeOrder(title)
    let broken = TestRelay(test.card)
    broken.cutAt = (.storeData, .after)
    await expectFailure(.cardUnreachable) { _ = try await center.charging.charge(order, over: broken) }
    test.clock.advance(by: 100 * Payments.patience)
    #expect(try await center.payments.reconcile() == Reconciliation())
    let payment = try #require(try await center.payments.payments(of: test.serial).first)
    #expect(payment.state == .authorised)
    await expectFailure(.conflict, "nor does the counter") { _ = try await center.payments.void(payment.payment) }
    #expect(try await center.charging.charge(order, over: TestRelay(test.card)).state == .booked)
    #expect(try await center.payments.payments(of: test.serial).map(\.state) == [.captured])
    #expect(try await test.balance(.holder(test.serial)) == 0)
    try center.close()
  }
}

/// A database where something happens before the transaction of this number that writes.
private final class InterruptedDatabase: Database {
  private let base: any Database
  private let interruption: @Sendable () async throws -> Void
  private let left: Mutex<Int>
  var dialect: SQLDialect { base.dialect }

  init(base: any Database, step: Int, _ interruption: @escaping @Sendable () async throws -> Void) {
    self.base = base
    self.interruption = interruption
    left = Mutex(step)
  }

  func read<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R { try await base.read(body) }

  func write<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R {
    let isNow = left.withLock { left in
      left -= 1
      return left == 0
    }
    if isNow {
      do { try await interruption() } catch { throw CenterError(error, during: "Interrupting") }
    }
    return try await base.write(body)
  }

  func close() throws(CenterError) { try base.close() }
}
