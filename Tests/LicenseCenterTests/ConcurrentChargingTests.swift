import CardProtocol
import Formats
import Synchronization
import Testing

@testable import LicenseCenter

/// Two counters charge one card at once.
@Suite(.onEveryEngine) struct ConcurrentChargingTests {
  /// Another instance acts between this one's look at the card and its reservation; then this one's must begin anew.
  @Test(arguments: Rival.allCases)
  private func P6_twoCountersAtOnceDoNotWedgeTheCard(rival: Rival) async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let meanwhile = Meanwhile(test: test, title: title)
    let context = test.center.context
    let database = HookedDatabase(context.database) { try? await rival.act(meanwhile) }
    let hooked = CenterContext(
      facts: context.facts, database: database, keys: context.keys, clock: context.clock, random: context.random)
    await expectFailure(.conflict) {
      _ = try await Charging(context: hooked).charge(try test.chargeOrder(title), over: TestRelay(test.card))
    }
    let before = try await test.center.charging.charges(of: test.serial)
    #expect(before.count == rival.charges && before.allSatisfy { $0.state != .open })
    for _ in 0..<3 {
      let outcome = try await test.center.charging.charge(try test.chargeOrder(title), over: TestRelay(test.card))
      #expect(outcome.state == .booked)
    }
    let booked = try await test.center.charging.charges(of: test.serial).filter { $0.state == .booked }
    #expect(Set(booked.map(\.number)).count == booked.count)
    #expect(try await test.balance(.holder(test.serial)) == Int64(-1500 * booked.count))
    _ = try await test.center.verify()
  }

  /// One name for two orders: whichever is first, the other hears that the name is taken.
  @Test func P6_nameOfAnotherOrderThatCameBetweenIsTaken() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let other = try await test.anotherHolder()
    let order = try test.chargeOrder(title)
    var rival = order
    rival.cardSerial = other.serial
    let (meanwhile, theirs) = (Meanwhile(test: test, title: title, card: other.card), rival)
    let context = test.center.context
    let database = HookedDatabase(context.database) {
      let relay = TestRelay(meanwhile.card ?? meanwhile.test.card)
      _ = try? await meanwhile.test.center.charging.charge(theirs, over: relay)
    }
    let hooked = CenterContext(
      facts: context.facts, database: database, keys: context.keys, clock: context.clock, random: context.random)
    await expectFailure(.keyReused) {
      _ = try await Charging(context: hooked).charge(order, over: TestRelay(test.card))
    }
    #expect(other.card.state.codes.count == 5 && test.card.state.codes.isEmpty)
    #expect(try await test.center.charging.outcome(of: order.operationID)?.cardSerial == other.serial)
    _ = try await test.center.verify()
  }

  /// Two counters hear the card's word for one charge, each in a conversation of its own.
  @Test func P6_chargeIsBookedOnceHoweverManyHearOfIt() async throws {
    let test = try await TestCenter()
    let order = try test.chargeOrder(try await test.issuedCardAndTitle())
    let broken = TestRelay(test.card)
    broken.cutAt = (.storeData, .after)
    await expectFailure(.cardUnreachable) { _ = try await test.center.charging.charge(order, over: broken) }
    let (context, serial) = (test.center.context, test.serial)
    let open = try await context.database.read { try ChargeRow.open($0, card: serial)?.outcome.operationID }
    #expect(open == order.operationID)
    for _ in 0..<2 {
      let state = try await context.database.write { transaction in
        // Both looked while it was open.
        var row = try #require(try transaction.first("SELECT * FROM charges", []).map(ChargeRow.init))
        row.outcome.state = .open
        return try Charging.book(transaction, context, row).state
      }
      #expect(state == .booked)
    }
    #expect(try await test.center.cardIssuer.card(serial).codesSold == 5)
    #expect(try await test.balance(.holder(serial)) == -1500)
    #expect(try await test.count("SELECT 1 FROM audit_log WHERE action = 'charge.book'") == 1)
    _ = try await test.center.verify()
  }

  /// An image of the card that is older than its open charge's turn takes no batch; the card itself does.
  @Test func P6_oldImageDoesNotSettleAnOpenCharge() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let blank = test.card.state
    _ = try await test.center.charging.charge(try test.chargeOrder(title), over: TestRelay(test.card))
    let card = test.card.state
    let order = try test.chargeOrder(title)
    let broken = TestRelay(test.card)
    broken.cutAt = (.storeData, .before)
    await expectFailure(.cardUnreachable) { _ = try await test.center.charging.charge(order, over: broken) }
    test.card.state = blank
    await expectFailure(.notCertified) {
      _ = try await test.center.charging.charge(order, over: TestRelay(test.card))
    }
    #expect(test.card.state.codes.isEmpty)
    #expect(try await test.center.charging.outcome(of: order.operationID)?.state == .open)
    test.card.state = card
    #expect(try await test.center.charging.charge(order, over: TestRelay(test.card)).state == .booked)
    #expect(try await test.balance(.holder(test.serial)) == -3000)
  }

  /// The card's word for another batch of an open charge's number proves that it does not have the open one.
  @Test func P6_authenticReceiptOfAnotherBatchVoidsTheOpenCharge() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let blank = test.card.state
    func cut(_ order: ChargeOrder, _ moment: TestRelay.Moment) async throws {
      let broken = TestRelay(test.card)
      broken.cutAt = (.storeData, moment)
      await expectFailure(.cardUnreachable) { _ = try await test.center.charging.charge(order, over: broken) }
    }
    let lost = try test.chargeOrder(title)
    try await cut(lost, .after)
    let charged = test.card.state
    _ = try await test.center.charging.refund(lost.operationID)
    // An old image of the card lets the number be opened once more; then the true card is back.
    test.card.state = blank
    let order = try test.chargeOrder(title)
    try await cut(order, .before)
    test.card.state = charged
    await expectFailure(.cardRefused) {
      _ = try await test.center.charging.charge(order, over: TestRelay(test.card))
    }
    #expect(try await test.center.charging.outcome(of: order.operationID)?.state == .voided)
    #expect(try await test.balance(.holder(test.serial)) == 0)
    let next = try await test.center.charging.charge(try test.chargeOrder(title), over: TestRelay(test.card))
    #expect(next.state == .booked && next.number == 2)
  }

  /// An open charge that somebody gives up while its card is waited for is not taken for another order's.
  @Test func P6_orderGivenUpWhileItsCardIsWaitedForIsAConflict() async throws {
    let test = try await TestCenter()
    let order = try test.chargeOrder(try await test.issuedCardAndTitle())
    try await leaveOpen(order, test, .before)
    let (relay, charging) = (TestRelay(test.card), test.center.charging)
    relay.meanwhile = { _ = try? await charging.refund(order.operationID) }
    await expectFailure(.conflict) { _ = try await charging.charge(order, over: relay) }
    #expect(try await charging.outcome(of: order.operationID)?.state == .voided)
    #expect(try await test.balance(.holder(test.serial)) == 0 && test.card.state.codes.isEmpty)
    _ = try await test.center.verify()
  }

  /// One that somebody books meanwhile is answered as booked: it was this very order.
  @Test func P6_orderBookedWhileItsCardIsWaitedForIsAnswered() async throws {
    let test = try await TestCenter()
    let order = try test.chargeOrder(try await test.issuedCardAndTitle())
    try await leaveOpen(order, test, .after)
    let (relay, other) = (TestRelay(test.card), TestRelay(test.card))
    let (charging, serial) = (test.center.charging, test.serial)
    relay.meanwhile = { _ = try? await charging.receipt(of: serial, over: other) }
    let outcome = try await charging.charge(order, over: relay)
    #expect(outcome.state == .booked && outcome.operationID == order.operationID && other.exchanges > 0)
    #expect(try await charging.charges(of: serial).count == 1)
    #expect(try await test.balance(.holder(serial)) == -1500 && test.card.state.codes.count == 5)
    _ = try await test.center.verify()
  }

  /// One whose name another order of the card took meanwhile hears that, though it has just settled the other.
  @Test func P6_nameTakenWhileTheCardIsWaitedForIsReused() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    try await leaveOpen(try test.chargeOrder(title), test, .after)
    let order = try test.chargeOrder(title)
    let (relay, broken, charging) = (TestRelay(test.card), TestRelay(test.card), test.center.charging)
    broken.cutAt = (.storeData, .after)
    let rival = try ChargeOrder(
      operationID: order.operationID, cardSerial: test.serial, softwareID: title.softwareID, quantity: 2)
    relay.meanwhile = { _ = try? await charging.charge(rival, over: broken) }
    await expectFailure(.keyReused) { _ = try await charging.charge(order, over: relay) }
    let charges = try await charging.charges(of: test.serial)
    #expect(charges.map(\.actual) == [5, 2] && charges.allSatisfy { $0.state == .booked })
    #expect(try await test.balance(.holder(test.serial)) == -2100 && test.card.state.codes.count == 7)
    _ = try await test.center.verify()
  }

  /// Cuts a charge while the card takes its batch.
  private func leaveOpen(_ order: ChargeOrder, _ test: TestCenter, _ moment: TestRelay.Moment) async throws {
    let broken = TestRelay(test.card)
    broken.cutAt = (.storeData, moment)
    await expectFailure(.cardUnreachable) { _ = try await test.center.charging.charge(order, over: broken) }
    #expect(try await test.center.charging.outcome(of: order.operationID)?.state == .open)
  }
}

/// What the other counter does with the card.
private enum Rival: CaseIterable {
  /// Charges it.
  case charges
  /// Loses it in the middle of a charge and refunds that.
  case refunds
  /// Does that twice, so that the card counts further than either number.
  case refundsTwice

  /// How many charges that makes.
  var charges: Int { self == .refundsTwice ? 2 : 1 }

  func act(_ meanwhile: Meanwhile) async throws {
    let (test, charging) = (meanwhile.test, meanwhile.test.center.charging)
    for _ in 0..<charges {
      let order = try test.chargeOrder(meanwhile.title)
      let relay = TestRelay(test.card)
      if self != .charges { relay.cutAt = (.storeData, .after) }
      _ = try? await charging.charge(order, over: relay)
      if self != .charges { _ = try await charging.refund(order.operationID) }
    }
  }
}

/// What the rival works with. The counters take turns, so that nothing in it is used by both at once.
private struct Meanwhile: @unchecked Sendable {
  let test: TestCenter
  let title: TitleRecord
  /// The rival's own, where there is one.
  var card: ModelCard?
}

/// A database that lets something else happen before its first write.
private final class HookedDatabase: Database {
  private let inner: any Database
  private let isFirst = Mutex(true)
  private let hook: @Sendable () async -> Void

  init(_ inner: any Database, beforeFirstWrite hook: @escaping @Sendable () async -> Void) {
    self.inner = inner
    self.hook = hook
  }

  var dialect: SQLDialect { inner.dialect }

  func read<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R {
    try await inner.read(body)
  }

  func write<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R {
    let isFirst = isFirst.withLock { first in
      defer { first = false }
      return first
    }
    if isFirst { await hook() }
    return try await inner.write(body)
  }

  func close() throws(CenterError) { try inner.close() }
}
