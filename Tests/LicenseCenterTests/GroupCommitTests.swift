import Foundation
import Synchronization
import TestSupport
import Testing

@testable import LicenseCenter

/// Many callers, one commit: what each of them may rely on.
@Suite(.onEveryEngine) struct GroupCommitTests {
  private struct Stop: Error, Equatable {}

  /// A database with tables to write in. While `hold` runs, everything else that is handed in waits, and then goes into
  /// one transaction.
  private final class Scratch: Sendable {
    let home: ScratchDatabase
    var database: any Database { home.database }

    init() async throws {
      home = try await ScratchDatabase()
      let integer = home.database.dialect.integer
      try await home.database.write { transaction in
        try transaction.run("CREATE TABLE t (id \(integer) PRIMARY KEY, label TEXT)")
        try transaction.run("CREATE TABLE parents (id \(integer) PRIMARY KEY)")
        _ = try transaction.run(
          "CREATE TABLE children (parent \(integer) REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)")
      }
    }

    func insert(_ id: Int64, _ label: String = "") async throws(CenterError) {
      try await database.write {
        _ = try $0.run("INSERT INTO t (id, label) VALUES ($1, $2)", [.integer(id), .text(label)])
      }
    }

    func ids() async throws -> [Int64] {
      try await database.read { try $0.run("SELECT id FROM t ORDER BY id").map { try $0.integer("id") } }
    }

    /// Hands in the changes, in their order, while the writer is held up; answers what each of them answered.
    func together(
      _ changes: [@Sendable (any Transaction) throws -> Int64]
    ) async throws -> [Result<Int64, CenterError>] {
      let database = database
      let gate = Gate()
      async let holder: Void = database.write { try gate.hold($0) }
      await gate.isHeld()
      var tasks: [Task<Int64, any Error>] = []
      for (index, change) in changes.enumerated() {
        tasks.append(Task { try await database.write(change) })
        while home.waitingCount <= index { try await Task.sleep(for: .milliseconds(1)) }
      }
      gate.open()
      try await holder
      var answers: [Result<Int64, CenterError>] = []
      for task in tasks { answers.append(await task.result.mapError { CenterError($0, during: "test") }) }
      return answers
    }
  }

  private static func insert(_ id: Int64) -> @Sendable (any Transaction) throws -> Int64 {
    { transaction in
      try transaction.run("INSERT INTO t (id) VALUES ($1)", [.integer(id)])
      return id
    }
  }

  /// Changes that fail by themselves, by a statement, or hide that a statement failed: each undone, the others made.
  @Test func failureHarmsNobodyElse() async throws {
    let scratch = try await Scratch()
    let answers = try await scratch.together([
      Self.insert(1),
      { transaction in
        try transaction.run("INSERT INTO t (id) VALUES (20)")
        throw Stop()
      },
      Self.insert(3),
      { transaction in
        try transaction.run("INSERT INTO t (id) VALUES (40)")
        return Int64(try transaction.run("INSERT INTO t (id) VALUES (3)").count)
      },
      { transaction in
        try transaction.run("INSERT INTO t (id) VALUES (50)")
        throw CenterError(.conflict, "Testing", remedy: "None.")
      },
      Self.insert(6),
    ])
    #expect(answers.map { (try? $0.get()) ?? -1 } == [1, -1, 3, -1, -1, 6])
    #expect(answers.compactMap { $0.failure?.code } == [.storage, .storage, .conflict])
    #expect(try await scratch.ids() == [1, 3, 6])
  }

  /// A change that fails has the others made once more, and the next batches are made with marks from the start: whoever
  /// fails again and again has nobody's change made twice.
  @Test func whoFailsAgainAndAgainHasNothingMadeTwice() async throws {
    let scratch = try await Scratch()
    let runs = Mutex<[Int64: Int]>([:])
    @Sendable func counted(_ id: Int64, failing: Bool = false) -> @Sendable (any Transaction) throws -> Int64 {
      { transaction in
        runs.withLock { $0[id, default: 0] += 1 }
        try transaction.run("INSERT INTO t (id) VALUES ($1)", [.integer(id)])
        if failing { throw Stop() }
        return id
      }
    }
    _ = try await scratch.together([counted(1), counted(2, failing: true), counted(3)])
    // What stands behind the one that failed was not made yet.
    #expect(runs.withLock { $0 } == [1: 2, 2: 2, 3: 1])
    _ = try await scratch.together([counted(4), counted(5, failing: true), counted(6)])
    // Each of these is a batch of its own, or two: the one that holds the writer up comes first.
    for id in 100..<100 + Int64(GroupCommit.cautiousBatches) { _ = try await scratch.together([counted(id)]) }
    _ = try await scratch.together([counted(7), counted(8, failing: true), counted(9)])
    #expect(runs.withLock { $0 }.filter { $0.key < 100 } == [1: 2, 2: 2, 3: 1, 4: 1, 5: 1, 6: 1, 7: 2, 8: 2, 9: 1])
    #expect(try await scratch.ids().filter { $0 < 100 } == [1, 3, 4, 6, 7, 9])
  }

  /// The audit log's chain goes on behind a change that stands, and not behind one that was undone.
  @Test func auditLogIsOneChainWhateverFails() async throws {
    let scratch = try await Scratch()
    @Sendable func noting(_ count: Int, _ time: UInt64, failing: Bool) -> @Sendable (any Transaction) throws -> Int64 {
      { transaction in
        for number in 0..<count { try AuditLog.append(transaction, at: time, "test", subject: number) }
        if failing { throw Stop() }
        return Int64(count)
      }
    }
    let answers = try await scratch.together([
      noting(2, 1_000_000, failing: false), noting(1, 2_000_000, failing: true), noting(3, 1_000_001, failing: false),
      noting(1, 1_000, failing: false), noting(1, 1_000_001, failing: false),
    ])
    #expect(answers.map { (try? $0.get()) ?? -1 } == [2, -1, 3, -1, 1])
    #expect(throws: CenterError.self) { try answers[3].get() }
    let head = try await scratch.database.read { try AuditLog.verify($0) }
    #expect(head.sequence == 6)
  }

  /// Each sees what those before it did, and they come in their order.
  @Test func callersRunInTheirOrder() async throws {
    let scratch = try await Scratch()
    let count: @Sendable (any Transaction) throws -> Int64 = { transaction in
      let next = Int64(try transaction.run("SELECT id FROM t").count) + 1
      try transaction.run("INSERT INTO t (id) VALUES ($1)", [.integer(next)])
      return next
    }
    let answers = try await scratch.together(Array(repeating: count, count: 30))
    #expect(try answers.map { try $0.get() } == Array(1...30))
  }

  /// A commit that fails is nobody's success: all of its callers hear that nothing was changed, even one whose own
  /// failure rests on what another had done.
  @Test func failedCommitFailsAllOfItsCallers() async throws {
    let scratch = try await Scratch()
    let answers = try await scratch.together([
      Self.insert(1),
      { transaction in
        try transaction.run("INSERT INTO children (parent) VALUES (99)")
        return 2
      },
      { transaction in
        guard try transaction.run("SELECT id FROM t").isEmpty else {
          throw CenterError(.conflict, "Testing", remedy: "Somebody was here before.")
        }
        return 3
      },
    ])
    for answer in answers {
      #expect(answer.failure?.code == .storage)
      #expect(answer.failure?.remedy.contains("Nothing was changed") == true)
    }
    #expect(try await scratch.ids().isEmpty)
    try await scratch.insert(4)
    #expect(try await scratch.ids() == [4])
  }

  /// A change that makes the engine roll back the whole transaction: the others are made without it.
  @Test func lostTransactionIsTheFaultOfOne() async throws {
    let scratch = try await Scratch()
    let answers = try await scratch.together([
      Self.insert(1),
      { transaction in
        try transaction.run("ROLLBACK")
        return 2
      },
      Self.insert(3), Self.insert(3),
    ])
    #expect(answers.map { (try? $0.get()) ?? -1 } == [1, -1, 3, -1])
    #expect(try await scratch.ids() == [1, 3])
  }

  /// Nobody hears of a change before others can see it.
  @Test func answeredIsCommitted() async throws {
    let scratch = try await Scratch()
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for id in 1...100 {
        group.addTask {
          try await scratch.insert(Int64(id))
          return try await scratch.ids().contains(Int64(id))
        }
      }
      for try await isThere in group { #expect(isThere) }
    }
  }

  @Test func cancelledBeforeItsTurnChangesNothing() async throws {
    let scratch = try await Scratch()
    let database = scratch.database
    let gate = Gate()
    async let holder: Void = database.write { try gate.hold($0) }
    await gate.isHeld()
    let late = Task { try await scratch.insert(1) }
    let early = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      try await scratch.insert(2)
    }
    let other = Task { try await scratch.insert(3) }
    while scratch.home.waitingCount < 2 { try await Task.sleep(for: .milliseconds(1)) }
    late.cancel()
    // Both are answered while the writer is still held up.
    for task in [late, early] {
      #expect((await task.result.mapError { CenterError($0, during: "") }).failure?.code == .cancelled)
    }
    gate.open()
    try await holder
    try await other.value
    #expect(try await scratch.ids() == [3])
  }

  /// What has begun is brought to its end, and its caller hears how it ended.
  @Test func cancelledInItsTurnIsAnswered() async throws {
    let scratch = try await Scratch()
    let database = scratch.database
    let gate = Gate()
    let task = Task {
      try await database.write { transaction in
        gate.hold()
        try transaction.run("INSERT INTO t (id) VALUES (1)")
        return 7
      }
    }
    await gate.isHeld()
    task.cancel()
    gate.open()
    #expect(try await task.value == 7)
    #expect(try await scratch.ids() == [1])
  }

  /// 256 callers at once, some of whom fail, count together, and no count is lost or taken twice.
  @Test func manyCallersLoseNothing() async throws {
    var random = Randomness("callers who fail")
    let rounds = random.soak(4, full: 100)
    let failing = Set((0..<256 * rounds).filter { _ in Bool.random(using: &random.generator) })
    let scratch = try await Scratch()
    let database = scratch.database
    let numbers = try await withThrowingTaskGroup(of: [Int64].self) { group in
      for caller in 0..<256 {
        group.addTask {
          var numbers: [Int64] = []
          for round in 0..<rounds {
            let fails = failing.contains(256 * round + caller)
            let number = try? await database.write { transaction in
              let number = try transaction.nextNumber(of: "test")
              try transaction.run("INSERT INTO t (id) VALUES ($1)", [.integer(number)])
              if fails { throw Stop() }
              return number
            }
            #expect((number == nil) == fails)
            if let number { numbers.append(number) }
          }
          return numbers
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    #expect(numbers.sorted() == Array(1...Int64(256 * rounds - failing.count)))
    #expect(try await scratch.ids() == numbers.sorted())
  }

  @Test func closedDatabaseRefuses() async throws {
    let scratch = try await Scratch()
    try scratch.database.close()
    await expectFailure(.storage) { try await scratch.insert(1) }
    await expectFailure(.storage) { _ = try await scratch.ids() }
  }
}

extension Result {
  fileprivate var failure: Failure? {
    if case .failure(let error) = self { error } else { nil }
  }
}
