import Cryptography
import Foundation
import Synchronization
import Testing

@testable import LicenseCenter

@Suite(.onEveryEngine) struct IdempotencyTests {
  private func key(_ test: TestCenter) throws -> IdempotencyKey {
    try #require(IdempotencyKey(octets: test.random.octets(16)))
  }

  /// Does something that can be counted.
  private func run(
    _ test: TestCenter, _ key: IdempotencyKey, scope: String = "client", digest: [UInt8] = [1], status: Int = 201
  ) async throws -> IdempotentAnswer {
    try await test.center.idempotency.run(scope: scope, key: key, digest: digest) { transaction in
      let number = try transaction.nextNumber(of: "idempotency test")
      return (status, Array("answer \(number)".utf8))
    }
  }

  @Test func repeatedRequestIsAnsweredAlikeAndDoneOnce() async throws {
    let test = try await TestCenter()
    let key = try key(test)
    let first = try await run(test, key)
    #expect(first == IdempotentAnswer(status: 201, body: Array("answer 1".utf8), isRepeated: false))
    let again = try await run(test, key)
    #expect(again == IdempotentAnswer(status: 201, body: Array("answer 1".utf8), isRepeated: true))
    // Another client's key of the same octets is another key.
    #expect(try await run(test, key, scope: "other").body == Array("answer 2".utf8))
    #expect(try await run(test, try self.key(test)).body == Array("answer 3".utf8))
  }

  @Test func anotherRequestUnderTheSameKeyIsRefused() async throws {
    let test = try await TestCenter()
    let key = try key(test)
    _ = try await run(test, key)
    await expectFailure(.keyReused) { _ = try await run(test, key, digest: [2]) }
    #expect(try await run(test, key).isRepeated)
    #expect(try await test.count("SELECT 1 FROM idempotent_answers") == 1)
  }

  /// Under a key that was used before nothing is tried, whatever the request: the time that took could tell of it.
  @Test func nothingIsTriedUnderAUsedKey() async throws {
    let test = try await TestCenter()
    let key = try key(test)
    _ = try await run(test, key)
    let log = StatementLog(test.center.context.database)
    var context = test.center.context
    context.database = log
    for digest: [UInt8] in [[1], [2]] {
      _ = try? await Idempotency(context: context).run(scope: "client", key: key, digest: digest) { transaction in
        (201, Array("\(try transaction.nextNumber(of: "idempotency test"))".utf8))
      }
      let statements = log.take()
      #expect(statements.count == 1 && statements.allSatisfy { $0.hasPrefix("SELECT * FROM idempotent_answers") })
    }
  }

  @Test func answersAreKeptForADayAndForgottenAfterTwo() async throws {
    let test = try await TestCenter()
    let key = try key(test)
    _ = try await run(test, key)
    test.clock.advance(by: 24 * 3600)
    #expect(try await test.center.idempotency.forgetExpired() == 0)
    #expect(try await run(test, key).isRepeated)
    test.clock.advance(by: 24 * 3600)
    #expect(try await test.center.idempotency.forgetExpired() == 0)
    #expect(try await run(test, key).isRepeated, "to the second")
    test.clock.advance(by: 1)
    #expect(try await !run(test, key, digest: [2]).isRepeated)
    test.clock.advance(by: 48 * 3600 + 1)
    #expect(try await test.center.idempotency.forgetExpired() == 1)
  }

  @Test func requestThatFailsChangesAndKeepsNothing() async throws {
    let test = try await TestCenter()
    let key = try key(test)
    await expectFailure(.conflict) {
      _ = try await test.center.idempotency.run(scope: "client", key: key, digest: [1]) { transaction in
        _ = try transaction.nextNumber(of: "idempotency test")
        throw CenterError(.conflict, "Testing", remedy: "None.")
      }
    }
    #expect(try await test.count("SELECT 1 FROM idempotent_answers") == 0)
    #expect(try await run(test, key).body == Array("answer 1".utf8))
  }

  @Test func parallelRepetitionsAreOne() async throws {
    let test = try await TestCenter()
    let key = try key(test)
    let idempotency = test.center.idempotency
    let answers = try await withThrowingTaskGroup(of: IdempotentAnswer.self) { group in
      for _ in 0..<50 {
        group.addTask {
          try await idempotency.run(scope: "client", key: key, digest: [1]) { transaction in
            (200, [UInt8(truncatingIfNeeded: try transaction.nextNumber(of: "idempotency test"))])
          }
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(answers.allSatisfy { $0.body == [1] && $0.status == 200 })
    #expect(answers.count { !$0.isRepeated } == 1)
  }

  @Test func answersAndClientsAreNotInClear() async throws {
    let test = try await TestCenter()
    let key = try key(test)
    _ = try await test.center.idempotency.run(scope: "Tanaka of Kobe", key: key, digest: [1]) { _ in
      (200, Array("a body that nobody else may read".utf8))
    }
    for (name, content) in try test.files() {
      for secret in [Array("Tanaka of Kobe".utf8), Array("nobody else may read".utf8), key.octets] {
        #expect(content.range(of: Data(secret)) == nil, "\(name)")
      }
    }
    #expect("\(key)" == "IdempotencyKey(redacted)")
  }

  @Test func keysHaveTheirShape() {
    #expect(IdempotencyKey(octets: [UInt8](repeating: 1, count: 15)) == nil)
    #expect(IdempotencyKey(octets: [UInt8](repeating: 1, count: 65)) == nil)
    #expect(IdempotencyKey(text: "0123456789012345678901") != nil)
    #expect(IdempotencyKey(text: "012345678901234567890") == nil)
    #expect(IdempotencyKey(text: "01234567890123456789 1") == nil)
    #expect(IdempotencyKey(text: "0123456789012345678901\u{e9}") == nil)
  }
}
