import Cryptography
import Formats
import Identifiers
import Testing

@testable import LicenseCenter

@Suite(.onEveryEngine) struct LedgerTests {
  /// Random transfers, some repeated, some with other content under an old name: the books always balance.
  @Test func alwaysBalances() async throws {
    let test = try await TestCenter()
    let random = test.random
    let serial = test.serial
    let accounts: [LedgerAccount] = [.cash, .holder(serial), .seller("A"), .seller("B")]
    var expected: [LedgerAccount: Int64] = [:]
    var done: [String: (from: Int, to: Int, amount: Int64)] = [:]
    for round in 0..<300 {
      let choice = random.octets(4).map(Int.init)
      let (from, to, amount) = (choice[0] % 4, choice[1] % 4, Int64(choice[2]))
      let operation = "test:\(choice[3] % 200)"
      let isNew = done[operation] == nil
      let isSame = done[operation].map { $0 == (from, to, amount) } ?? true
      let transfer: @Sendable (any Transaction) throws -> Bool = { transaction in
        try Ledger.transfer(
          transaction, Money(minorUnits: amount, currency: .yen), from: accounts[from], to: accounts[to],
          operation: operation, memo: "round \(round)", at: 0)
      }
      if from == to {
        await expectFailure(.invalid) { _ = try await test.center.context.database.write(transfer) }
      } else if !isSame {
        await expectFailure(.keyReused) { _ = try await test.center.context.database.write(transfer) }
      } else {
        #expect(try await test.center.context.database.write(transfer) == isNew)
        if isNew {
          expected[accounts[from], default: 0] -= amount
          expected[accounts[to], default: 0] += amount
          done[operation] = (from, to, amount)
        }
      }
    }
    for account in accounts { #expect(try await test.balance(account) == expected[account] ?? 0) }
    #expect(expected.values.reduce(0, +) == 0)
    try await test.center.ledger.verify()
  }

  @Test func overflowBooksNothing() async throws {
    let test = try await TestCenter()
    let serial = test.serial
    let most = Money(minorUnits: .max, currency: .yen)
    try await test.center.ledger.deposit(most, for: serial, operation: try test.operationID())
    await expectFailure(.invalid) {
      try await test.center.ledger.deposit(
        Money(minorUnits: 2, currency: .yen), for: serial, operation: try test.operationID())
    }
    #expect(try await test.balance(.holder(serial)) == .max)
    try await test.center.ledger.verify()
  }

  /// Whatever else it says, an operation that was done is another's; and nobody pays in for a card that there is none of.
  @Test func depositIsOneForItsOperation() async throws {
    let test = try await TestCenter()
    let unknown = try #require(CardSerial(octets: test.random.octets(8)))
    let (amount, operation) = (Money(minorUnits: 5, currency: .yen), try test.operationID())
    for _ in 0..<2 { try await test.center.ledger.deposit(amount, for: test.serial, operation: operation) }
    for other in [(Money(minorUnits: 6, currency: .yen), test.serial), (amount, unknown)] {
      await expectFailure(.keyReused, "\(other)") {
        try await test.center.ledger.deposit(other.0, for: other.1, operation: operation)
      }
    }
    await expectFailure(.notFound) {
      try await test.center.ledger.deposit(amount, for: unknown, operation: try test.operationID())
    }
    #expect(try await test.balance(.cash) == -5)
    #expect(try await test.count("SELECT 1 FROM ledger_entries") == 1)
  }

  @Test func currenciesStayApart() async throws {
    let test = try await TestCenter()
    try await test.center.ledger.deposit(
      Money(minorUnits: 5, currency: .euro), for: test.serial, operation: try test.operationID())
    #expect(try await test.balance(.holder(test.serial)) == 0)
    #expect(try await test.center.ledger.balance(of: .holder(test.serial), in: .euro).minorUnits == 5)
  }

  @Test(arguments: [
    "UPDATE postings SET amount = amount + 1 WHERE line = 1", "UPDATE accounts SET balance = balance + 1",
    "DELETE FROM postings WHERE line = 0",
  ])
  func verifyFindsWhatWasChanged(statement: String) async throws {
    let test = try await TestCenter()
    try await test.center.ledger.deposit(
      Money(minorUnits: 5, currency: .yen), for: test.serial, operation: try test.operationID())
    try await test.center.ledger.verify()
    _ = try await test.center.context.database.write { try $0.run(statement, []) }
    await expectFailure(.damaged) { try await test.center.ledger.verify() }
  }

  /// Money out of nothing, on an account whose balance says so too.
  @Test func verifyFindsAnEntryThatDoesNotBalance() async throws {
    let test = try await TestCenter()
    try await test.center.ledger.deposit(
      Money(minorUnits: 5, currency: .yen), for: test.serial, operation: try test.operationID())
    _ = try await test.center.context.database.write { transaction in
      try transaction.run("UPDATE postings SET amount = amount + 1 WHERE line = 1")
      try transaction.run("UPDATE accounts SET balance = balance + 1 WHERE kind = 'holder'")
    }
    #expect(try await test.balance(.holder(test.serial)) == 6)
    await expectFailure(.damaged) { try await test.center.ledger.verify() }
  }

  @Test(arguments: [
    "UPDATE audit_log SET detail = 'x' WHERE sequence = 2", "DELETE FROM audit_log WHERE sequence = 2",
    "UPDATE audit_log SET sequence = 90 WHERE sequence = 3", "UPDATE audit_log SET time = time + 1 WHERE sequence = 1",
  ])
  func auditChainFindsWhatWasChanged(statement: String) async throws {
    let test = try await TestCenter()
    for _ in 0..<3 {
      try await test.center.ledger.deposit(
        Money(minorUnits: 5, currency: .yen), for: test.serial, operation: try test.operationID())
    }
    #expect(try await test.center.verify().sequence == 5)
    _ = try await test.center.context.database.write { try $0.run(statement, []) }
    await expectFailure(.damaged) { _ = try await test.center.verify() }
  }

  /// A forger who also mends the hash of his record and the link to it: the next record's own hash gives him away.
  @Test func auditChainCannotBeMendedLocally() async throws {
    let test = try await TestCenter()
    for _ in 0..<2 {
      try await test.center.ledger.deposit(
        Money(minorUnits: 5, currency: .yen), for: test.serial, operation: try test.operationID())
    }
    try await test.center.context.database.write { transaction in
      let rows = try transaction.run("SELECT * FROM audit_log ORDER BY sequence")
      let forged = AuditRecord(
        sequence: 2, time: try rows[1].number("time"), action: try rows[1].text("action"),
        subject: try rows[1].text("subject"), detail: "forged")
      let hash = forged.hash(after: try rows[0].octets("hash"))
      try transaction.run("UPDATE audit_log SET detail = 'forged', hash = $1 WHERE sequence = 2", [.blob(hash)])
      try transaction.run("UPDATE audit_log SET previous = $1 WHERE sequence = 3", [.blob(hash)])
    }
    await expectFailure(.damaged) { _ = try await test.center.verify() }
  }
}
