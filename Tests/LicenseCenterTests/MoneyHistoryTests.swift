import Cryptography
import Formats
import Identifiers
import Synchronization
import TestSupport
import Testing

@testable import LicenseCenter

/// A database of a process that dies: at one of its transactions, before or after it became durable; from then on it
/// answers nothing. After every transaction the whole of the books is looked at.
private final class MortalDatabase: Database {
  static let death = CenterError(.storage, "Dying", remedy: "Start again.")

  enum Moment: CaseIterable { case before, after }

  private let inner: any Database
  private let state: Mutex<(left: Int, moment: Moment, isDead: Bool)>
  let dialect: SQLDialect

  init(_ inner: any Database, transactions: Int, _ moment: Moment) {
    self.inner = inner
    dialect = inner.dialect
    state = Mutex((transactions, moment, false))
  }

  var isDead: Bool { state.withLock { $0.isDead } }

  func read<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R {
    guard !isDead else { throw MortalDatabase.death }
    return try await inner.read(body)
  }

  func write<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R {
    let fate = state.withLock { state -> Moment? in
      state.left -= 1
      if state.left <= 0 { state.isDead = true }
      return state.left == 0 ? state.moment : nil
    }
    guard fate != nil || !isDead else { throw MortalDatabase.death }
    let result = try await inner.write { transaction in
      let result = try body(transaction)
      try Books.check(transaction)
      guard fate != .before else { throw MortalDatabase.death }
      return result
    }
    guard fate == nil else { throw MortalDatabase.death }
    return result
  }

  func close() throws(CenterError) {}
}

/// What always holds between the tables, whatever was interrupted.
private enum Books {
  struct Wrong: Error { var what: String }

  /// Queries that find nothing in good books.
  private static let rules: KeyValuePairs = [
    "an entry that does not balance": """
    SELECT p.entry FROM postings p JOIN accounts a ON a.id = p.account
    GROUP BY p.entry, a.currency HAVING SUM(p.amount) <> 0
    """,
    "an account that is not the sum of its movements": """
    SELECT a.id FROM accounts a LEFT JOIN postings p ON p.account = a.id
    GROUP BY a.id, a.balance HAVING a.balance <> COALESCE(SUM(p.amount), 0)
    """,
    "money from nowhere": "SELECT currency FROM accounts GROUP BY currency HAVING SUM(balance) <> 0",
    "a card that counts other codes than are sold": """
    SELECT serial FROM cards c WHERE charged_codes <> (SELECT COUNT(*) FROM codes k
      LEFT JOIN charges h ON h.id = k.charge LEFT JOIN seal_sheets s ON s.id = k.sheet
      WHERE COALESCE(h.card, s.card) = c.serial AND k.state IN ('unused', 'inUse', 'used'))
    """,
    "more codes than the maximum": "SELECT serial FROM cards WHERE charged_codes > maximum_codes",
    "a seller who earned something else than was sold": """
    SELECT 1 AS wrong WHERE (SELECT COALESCE(SUM(balance), 0) FROM accounts WHERE kind = 'seller') <>
      (SELECT COALESCE(SUM(price), 0) FROM codes WHERE state IN ('unused', 'inUse', 'used'))
      + (SELECT COALESCE(SUM(price), 0) FROM licenses)
    """,
    "a processor that holds something else than was captured": """
    SELECT 1 AS wrong WHERE (SELECT COALESCE(SUM(balance), 0) FROM accounts WHERE kind = 'processor') <>
      (SELECT COALESCE(SUM(refunded - amount), 0) FROM payments WHERE state = 'captured')
    """,
    "granted pay-back that no account has": """
    SELECT 1 AS wrong WHERE (SELECT COALESCE(SUM(balance), 0) FROM accounts WHERE kind = 'promotion'
      AND owner <> 'points') <> -(SELECT COALESCE(SUM(g.amount), 0) FROM payback_grants g
      JOIN payback_rules r ON r.id = g.rule WHERE r.kind <> 'points')
    """,
    "a grant without its notice": """
    SELECT 1 AS wrong WHERE (SELECT COALESCE(SUM(revision), 0) FROM payback_grants) > (SELECT COUNT(*) FROM notices)
    """,
    "a sale whose payment was let go or never asked": """
    SELECT p.payment FROM payments p JOIN ledger_entries e ON e.operation = p.bill
    WHERE p.state IN ('authorising', 'authorised', 'declined', 'voiding', 'voided')
    """,
    "a payment taken for nothing": """
    SELECT p.payment FROM payments p WHERE p.bill LIKE 'charge:%' AND p.state IN ('capturing', 'captured')
    AND NOT EXISTS (SELECT 1 FROM ledger_entries e WHERE e.operation = p.bill)
    """,
  ]

  static func check(_ transaction: any Transaction) throws {
    for (what, query) in rules where try !transaction.run(query).isEmpty { throw Wrong(what: what) }
  }
}

/// Somebody's business with the centre, carried on in new processes until it is answered.
private final class Business {
  let test: TestCenter
  let title: TitleRecord
  private(set) var holders: [(serial: CardSerial, card: ModelCard)]
  private var sheets: [SealSheet] = []
  private var charges: [ChargeOrder] = []
  private var deaths = 0
  var random: Randomness

  init(_ random: Randomness) async throws {
    self.random = random
    test = try await TestCenter(seed: random.seed)
    title = try await test.issuedCardAndTitle(maximumCodes: 300)
    holders = [(test.serial, test.card)]
    for _ in 0..<2 { holders.append(try await test.anotherHolder()) }
    let conditions = PaybackConditions(codesInAll: 4)
    let reward = Money(minorUnits: 130, currency: .yen)
    for rule in [
      try PaybackRule(.bulk, .share(perMille: 77), on: PaybackConditions(codesInSale: 3)),
      try PaybackRule(.bulk, .amount(reward), on: PaybackConditions(codesInAll: 9)),
      try PaybackRule(.referral, .amount(reward), on: conditions),
      try PaybackRule(.points, .points(per: Money(minorUnits: 250, currency: .yen))),
    ] {
      _ = try await test.set(rule)
    }
    try await test.center.payback.setWorth(ofPoint: Money(minorUnits: 7, currency: .yen))
    for newcomer in holders.dropFirst() {
      try await test.center.payback.introduce(newcomer.serial, by: .card(test.serial))
    }
    let center = try await test.reopened()
    for holder in holders.dropFirst() { try await center.payments.file(try method(), for: holder.serial) }
    try center.close()
  }

  /// A process of the centre that dies at some transaction; the processor outlives it.
  private func process() -> (Center, MortalDatabase) {
    let context = test.center.context
    let database = MortalDatabase(
      context.database, transactions: Int.random(in: 1...8, using: &random.generator),
      MortalDatabase.Moment.allCases.randomElement(using: &random.generator) ?? .before)
    let mortal = CenterContext(
      facts: context.facts, database: database, keys: context.keys, clock: context.clock, random: context.random,
      processor: SimulatedProcessor(database: context.database))
    return (Center(context: mortal), database)
  }

  /// Does the same thing in one process after another, until one lives to answer.
  private func persist<R>(_ body: (Center) async throws -> R) async throws -> R? {
    for _ in 0..<100 {
      let (center, database) = process()
      do {
        return try await body(center)
      } catch let error as CenterError {
        guard !database.isDead else {
          deaths += 1
          continue
        }
        switch error.code {
        case .paymentUnknown, .cardUnreachable: continue
        case .paymentDeclined, .conflict, .limitReached, .invalid, .notFound: return nil
        default: throw error
        }
      }
    }
    Issue.record("nothing came of it")
    return nil
  }

  /// A means of payment: mostly good, often slow, sometimes refused.
  private func method() throws -> PaymentMethod {
    func turns() -> [SimulatedMethod.Turn] {
      (0..<Int.random(in: 0...3, using: &random.generator)).map { _ in
        switch Int.random(in: 0..<10, using: &random.generator) {
        case 0: .decline
        case 1...4: .timeOut
        case 5...7: .answerLost
        default: .approve
        }
      }
    }
    let method = SimulatedMethod(authorise: turns(), capture: turns(), void: turns(), refund: turns())
    return try #require(method.method)
  }

  /// One thing that happens.
  func step() async throws {
    let holder = try #require(holders.randomElement(using: &random.generator))
    let operation = try test.operationID()
    let quantity = UInt16.random(in: 1...6, using: &random.generator)
    let yen = Money(minorUnits: Int64.random(in: 1...900, using: &random.generator), currency: .yen)
    switch Int.random(in: 0..<12, using: &random.generator) {
    case 0, 1:
      var order = try test.sheetOrder(title, quantity: quantity)
      order.cardSerial = holder.serial
      if let sheet = try await persist({ try await $0.rightsSeller.sell(order) }) { sheets.append(sheet) }
    case 2, 3:
      var order = try test.chargeOrder(title, quantity: quantity)
      order.cardSerial = holder.serial
      let cut = (
        index: Int.random(in: 0..<14, using: &random.generator),
        moment: Bool.random(using: &random.generator) ? TestRelay.Moment.before : .after
      )
      var relay = TestRelay(holder.card)
      relay.cut = cut
      let outcome = try await persist { center in
        defer { relay = TestRelay(holder.card) }
        return try await center.charging.charge(order, over: relay)
      }
      if outcome?.state == .booked { charges.append(order) }
    case 4:
      var request = try test.licenseRequest(title)
      request.cardSerial = holder.serial
      _ = try await persist { try await $0.copyLicenses.license(request) }
    case 5:
      _ = try await persist { try await $0.ledger.deposit(yen, for: holder.serial, operation: operation) }
    case 6:
      let method = try method()
      _ = try await persist { try await $0.payments.file(method, for: holder.serial) }
    case 7: try await refund(operation)
    case 8:
      let destination = PaybackDestination.allCases.randomElement(using: &random.generator) ?? .cash
      _ = try await persist {
        try await $0.payback.payOut(yen, of: holder.serial, to: destination, operation: operation)
      }
    case 9:
      let points = Int64.random(in: 1...4, using: &random.generator)
      _ = try await persist {
        try await $0.payback.exchange(points: points, of: holder.serial, into: .yen, operation: operation)
      }
    case 10:
      if let sheet = sheets.randomElement(using: &random.generator) { try await redeemOne(of: sheet) }
    default:
      test.clock.advance(by: UInt64.random(in: 0...600, using: &random.generator))
      _ = try await persist { try await $0.payments.reconcile() }
    }
  }

  private func refund(_ operation: OperationID) async throws {
    let destination = RefundDestination.allCases.randomElement(using: &random.generator) ?? .cash
    let order: RefundOrder
    switch (Int.random(in: 0..<3, using: &random.generator), charges.randomElement(using: &random.generator)) {
    case (0, let charge?):
      order = RefundOrder(
        operationID: operation, cardSerial: charge.cardSerial, source: .charge(charge.operationID),
        destination: destination)
    case (let choice, _):
      guard let sheet = sheets.randomElement(using: &random.generator), let code = sheet.codes.first else { return }
      order = RefundOrder(
        operationID: operation, cardSerial: sheet.cardSerial, source: choice == 1 ? .code(code) : .sheet(sheet.number),
        destination: destination)
    }
    _ = try await persist { try await $0.refunds.refund(order) }
  }

  private func redeemOne(of sheet: SealSheet) async throws {
    _ = try await test.center.context.database.write { transaction in
      try transaction.run(
        """
        UPDATE codes SET state = 'used' WHERE id = (SELECT MIN(id) FROM codes WHERE sheet = $1 AND state = 'unused')
        """, [.number(sheet.number)])
    }
  }

  /// In the end everything is known, and the processor has the same books.
  func close() async throws {
    let center = try await test.reopened()
    test.clock.advance(by: Payments.patience + 1)
    while try await center.payments.reconcile().unknown > 0 {}
    for holder in holders {
      for charge in try await center.charging.charges(of: holder.serial) where charge.state == .open {
        _ = try? await center.charging.refund(charge.operationID)
      }
    }
    while try await center.payments.reconcile().unknown > 0 {}
    #expect(try await center.payments.disagreements() == [])
    let taken = try await center.context.database.read { transaction in
      try transaction.first(
        """
        SELECT CAST(COALESCE(SUM(amount - refunded), 0) AS BIGINT) AS taken FROM simulated_payments
        WHERE state = 'captured'
        """)?.integer("taken")
    }
    #expect(try await test.balance(.processor("simulated")) == -(taken ?? 0))
    let points = try await center.ledger.balance(of: .promotion(.points), in: .points).minorUnits
    var held: Int64 = 0
    for holder in holders {
      let balance = try await center.payback.balance(of: holder.serial, in: .points).minorUnits
      held += balance
      for charge in try await center.charging.charges(of: holder.serial) where charge.state == .booked {
        let count = try await center.ledger.statement(of: .holder(holder.serial), in: .yen)
          .filter { $0.operation == charge.bill }.count
        #expect(count == 1, "billed once")
      }
    }
    #expect(points == -held)
    _ = try await center.verify()
    try center.close()
    #expect(deaths > 0)
  }
}

/// Everything that moves money, in any order, in processes that die at any transaction: the ledger balances after each
/// transaction, and nothing is paid twice or lost.
@Suite(.onEveryEngine) struct MoneyHistoryTests {
  @Test func theBooksHoldAfterEveryTransactionOfAnyHistory() async throws {
    var random = Randomness("histories of money with crashes")
    for _ in 0..<random.soak(2, full: 100) {
      let business = try await Business(random)
      for _ in 0..<120 { try await business.step() }
      try await business.close()
      random = Randomness(seed: random.generator.next())
    }
  }
}
