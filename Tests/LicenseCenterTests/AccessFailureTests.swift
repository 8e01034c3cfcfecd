import ChallengeAccess
import Cryptography
import Formats
import Testing

@testable import LicenseCenter

/// A disk that fails while somebody is let in.
@Suite(.onEveryEngine) struct AccessFailureTests {
  /// Whichever statement fails, nothing of the rest has happened, and the same answer is good as soon as the disk is.
  @Test func aFailedWriteUsesNothingUp() async throws {
    let test = try await TestCenter()
    let machine = try await Machine.registered(test)
    var statement = 0
    var isWhole = false
    while !isWhole {
      let answer = try await machine.answer(test)
      let before = try await test.accessRows()
      let failing = test.center(on: FailingDatabase(base: test.center.context.database, failsAt: statement))
      do {
        _ = try await failing.access.admit(answer.octets, in: answer.session)
        isWhole = true
      } catch {
        #expect(error.code == .storage, "statement \(statement)")
        #expect(try await test.accessRows() == before, "statement \(statement)")
        _ = try await test.center.access.admit(answer.octets, in: answer.session)
      }
      statement += 1
    }
    #expect(statement > 5)
    _ = try await test.center.verify()
  }
}

extension TestCenter {
  fileprivate func center(on database: any Database) -> Center {
    let context = center.context
    return Center(
      context: CenterContext(
        facts: context.facts, database: database, keys: context.keys, clock: context.clock, random: context.random))
  }
}

/// A database in which one statement of each transaction that writes fails.
private struct FailingDatabase: Database {
  let base: any Database
  let failsAt: Int
  var dialect: SQLDialect { base.dialect }

  func read<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R { try await base.read(body) }

  func write<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R {
    let failsAt = failsAt
    return try await base.write { try body(FailingTransaction(base: $0, failsAt: failsAt)) }
  }

  func close() throws(CenterError) { try base.close() }
}

private final class FailingTransaction: Transaction {
  private let base: any Transaction
  private var left: Int

  init(base: any Transaction, failsAt: Int) {
    self.base = base
    left = failsAt
  }

  func run(_ sql: String, _ values: [SQLValue]) throws -> [SQLRow] {
    try count()
    return try base.run(sql, values)
  }

  func change(_ sql: String, _ values: [SQLValue]) throws -> Int {
    try count()
    return try base.change(sql, values)
  }

  func tell(_ sql: String, _ values: [SQLValue]) throws {
    try count()
    try base.tell(sql, values)
  }

  private func count() throws {
    guard left != 0 else { throw CenterError(.storage, "test", remedy: "none") }
    left -= 1
  }

  func noteAuditRecord(_ newest: NewestAuditRecord) { base.noteAuditRecord(newest) }

  var notedAuditRecord: NewestAuditRecord? { base.notedAuditRecord }

  var titleMemory: TitleMemory? { base.titleMemory }
}
