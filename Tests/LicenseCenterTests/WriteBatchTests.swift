import Foundation
import Synchronization
import Testing

@testable import LicenseCenter

/// Batches of changes on a connection that breaks when it is told to.
@Suite struct WriteBatchTests {
  private struct LineBroke: Error {}
  /// What a change makes of a broken line; told to nobody, since it would be believed.
  private static let ownError = CenterError(.conflict, "Changing", remedy: "Do it again.")

  /// A connection that counts what stands, and whose line breaks.
  private final class BreakableLine: WritingConnection {
    /// The statement, counted from 1 on, at which the line breaks; without one it breaks at each.
    private let broken: Int?
    private var statements = 0
    private var made: [String] = []
    private(set) var committed: [String] = []
    private(set) var condition = TransactionCondition.open
    private(set) var attempts = 0
    let patience: Duration

    init(brokenAt broken: Int?, patience: Duration = .seconds(60)) {
      self.broken = broken
      self.patience = patience
    }

    func run(_ sql: String, _: [SQLValue]) throws -> [SQLRow] {
      statements += 1
      if broken ?? statements == statements {
        condition = .repeatable
        // A line that stays broken takes its time to say so.
        if broken == nil { Thread.sleep(forTimeInterval: 0.1) }
        throw LineBroke()
      }
      made.append(sql)
      return []
    }

    func change(_ sql: String, _ values: [SQLValue]) throws -> Int { try run(sql, values).count }

    func begin() {
      attempts += 1
      (made, condition) = ([], .open)
    }
    func setMark(isFirst _: Bool) {}
    func returnToMark() {}
    func settle() {}
    func commit() { committed = made }
    func rollBack() { made = [] }
    var isOutsideTransaction: Bool { false }
  }

  /// Makes the changes in one batch, and answers what their callers heard.
  private func answers(
    _ line: BreakableLine, _ count: Int, isCautious: Bool,
    _ body: @escaping @Sendable (any Transaction, Int) throws -> Int
  ) async -> [Write<Int>.Answer] {
    let writes = (0..<count).map { index in Write<Int> { try body($0, index) } }
    let waiting = Waiting()
    let callers = writes.map { write in
      Task {
        await withCheckedContinuation { continuation in
          _ = write.wait(continuation)
          waiting.count.add(1, ordering: .sequentiallyConsistent)
        }
      }
    }
    while waiting.count.load(ordering: .sequentiallyConsistent) < count { await Task.yield() }
    for write in writes { #expect(write.claim()) }
    WriteBatch(connection: line, isCautious: isCautious).run(writes)
    var answers: [Write<Int>.Answer] = []
    for caller in callers { answers.append(await caller.value) }
    return answers
  }

  private final class Waiting: Sendable { let count = Atomic(0) }

  /// What a change makes of a broken line is nobody's business: all are made again, and nobody hears of it.
  @Test(arguments: [1, 3], [false, true]) func brokenLineIsNobodysFault(count: Int, isCautious: Bool) async throws {
    for broken in 1...(2 * count) {
      let line = BreakableLine(brokenAt: broken)
      let answers = await answers(line, count, isCautious: isCautious) { transaction, index in
        do {
          try transaction.run("first \(index)")
          try transaction.run("second \(index)")
        } catch {
          throw WriteBatchTests.ownError
        }
        return index
      }
      #expect(try answers.map { try $0.get() } == Array(0..<count), "broken at statement \(broken)")
      #expect(line.attempts == 2 && line.committed.count == 2 * count, "broken at statement \(broken)")
    }
  }

  /// One that hides the broken line has not been made either.
  @Test(arguments: [1, 3], [false, true]) func hiddenBreakIsMadeAgain(count: Int, isCautious: Bool) async throws {
    for broken in 1...count {
      let line = BreakableLine(brokenAt: broken)
      let answers = await answers(line, count, isCautious: isCautious) { transaction, index in
        _ = try? transaction.run("only \(index)")
        return index
      }
      #expect(try answers.map { try $0.get() } == Array(0..<count))
      #expect(line.attempts == 2 && line.committed == (0..<count).map { "only \($0)" })
    }
  }

  /// A line that stays broken is given up, and then all hear that nothing was changed.
  @Test(arguments: [1, 3], [false, true]) func lineThatStaysBrokenIsGivenUp(count: Int, isCautious: Bool) async throws {
    for patience in [Duration.zero, .seconds(2)] {
      try await giveUp(BreakableLine(brokenAt: nil, patience: patience), count, isCautious)
    }
  }

  private func giveUp(_ line: BreakableLine, _ count: Int, _ isCautious: Bool) async throws {
    let answers = await answers(line, count, isCautious: isCautious) { transaction, index in
      do { try transaction.run("only \(index)") } catch { throw WriteBatchTests.ownError }
      return index
    }
    #expect(answers.count == count && line.committed.isEmpty)
    #expect(line.patience == .zero ? line.attempts == 1 : line.attempts > 1)
    for answer in answers {
      #expect(throws: CenterError.self) { try answer.get() }
      if case .failure(let error) = answer { #expect(error.code == .storage) }
    }
  }
}
