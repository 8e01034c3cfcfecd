import Formats
import Identifiers
import Testing

@testable import LicenseCenter

/// The holder's view.
@Suite(.onEveryEngine) struct StatementTests {
  @Test func aStatementShowsEverythingOfOneCardAndNothingOfAnother() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let other = try await test.anotherHolder().serial
    let center = try await test.reopened()
    _ = try await test.set(try PaybackRule(.bulk, .share(perMille: 100)))
    _ = try await test.set(try PaybackRule(.points, .points(per: Money(minorUnits: 100, currency: .yen))))
    let sheet = try await test.sell(3, of: title)
    try await test.redeem(1, of: sheet)
    try await test.sell(4, of: title, to: other)
    try await center.payments.file(try #require(SimulatedMethod().method), for: test.serial)
    let charge = try test.chargeOrder(title, quantity: 2)
    _ = try await center.charging.charge(charge, over: TestRelay(test.card))
    _ = try await center.refunds.refund(
      RefundOrder(
        operationID: try test.operationID(), cardSerial: test.serial, source: .code(sheet.codes[2]),
        destination: .account))
    let statement = try await center.statements.statement(of: test.serial)
    #expect(statement.card == (try await center.cardIssuer.card(test.serial)) && statement.card.codesSold == 4)
    #expect(statement.codes.map(\.state) == [.unused, .used, .voided] && statement.codes.map(\.count) == [3, 1, 1])
    #expect(statement.codes.allSatisfy { $0.title == "openssl 3.0" && $0.softwareID == title.softwareID })
    let yen = { Money(minorUnits: $0, currency: .yen) }
    let points = { Money(minorUnits: $0, currency: .points) }
    #expect(
      statement.balances == [
        HolderBalance(account: yen(-600), payback: yen(60 + 60)),
        HolderBalance(account: points(0), payback: points(6 + 6)),
      ])
    #expect(statement.grants.map(\.amount) == [yen(60), points(6), yen(60), points(6)])
    #expect(statement.hasPaymentMethod && statement.payments.map(\.state) == [.captured])
    #expect(statement.refunds.map(\.codes) == [1])
    #expect(statement.notices.count == 4 + 2 + 1)
    let theirs = try await center.statements.statement(of: other)
    #expect(theirs.codes.map(\.count) == [4] && !theirs.hasPaymentMethod && theirs.payments.isEmpty)
    #expect(theirs.refunds.isEmpty && theirs.card.codesSold == 4 && theirs.notices.count == 2)
    let unknown = try #require(CardSerial(octets: [9, 9, 9, 9, 9, 9, 9, 9]))
    await expectFailure(.notFound) { _ = try await center.statements.statement(of: unknown) }
    try center.close()
  }

  /// Figs 2 to 5: of a right for N uses each is with the holder, with a guest or given back, and what the purchaser, the
  /// seller and the counter have comes to the same, whichever way the codes were sold.
  @Test func P9_usesAndMoneyBalance() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    let center = test.center
    let sheet = try await test.sell(6, of: title)
    _ = try await center.charging.charge(try test.chargeOrder(title, quantity: 4), over: TestRelay(test.card))
    try await center.ledger.deposit(
      Money(minorUnits: 2_000, currency: .yen), for: test.serial, operation: try test.operationID())
    for (used, refunded) in [(0, 0), (2, 0), (2, 1), (5, 0)] {
      try await test.redeem(used, of: sheet)
      if refunded > 0 {
        _ = try await center.refunds.refund(
          RefundOrder(
            operationID: try test.operationID(), cardSerial: test.serial, source: .code(sheet.codes[5]),
            destination: .cash))
      }
      let statement = try await center.statements.statement(of: test.serial)
      let counts = Dictionary(uniqueKeysWithValues: statement.codes.map { ($0.state, $0.count) })
      #expect(counts.values.reduce(0, +) == 10)
      #expect(counts[.used] ?? 0 == used)
      let sold = 10 - (counts[.voided] ?? 0)
      #expect(Int(statement.card.codesSold) == sold)
      #expect(statement.card.amounts.map(\.minorUnits) == [Int64(sold * 300)])
      let (seller, cash) = (try await test.balance(.seller("Publisher")), try await test.balance(.cash))
      #expect(seller == Int64(sold * 300))
      #expect(try await test.balance(.holder(test.serial)) + seller + cash == 0)
    }
    _ = try await center.verify()
  }

  @Test func codesComeInPages() async throws {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle(maximumCodes: 2_000)
    for _ in 0..<8 { try await test.sell(70, of: title) }
    let charge = try test.chargeOrder(title, quantity: 2)
    _ = try await test.center.charging.charge(charge, over: TestRelay(test.card))
    var lines: [CodeLine] = []
    while true {
      let page = try await test.center.statements.codes(of: test.serial, after: lines.last?.number ?? 0)
      #expect(page.count <= Statements.pageLimit)
      guard !page.isEmpty, lines.count < 1_000 else { break }
      lines += page
    }
    #expect(lines.count == 562 && Set(lines.map(\.number)).count == 562)
    #expect(lines.prefix(560).allSatisfy { $0.sheet != nil && $0.charge == nil })
    #expect(lines.suffix(2).map(\.charge) == [1, 1] && lines.suffix(2).map(\.position) == [0, 1])
  }
}
