import Identifiers
import Synchronization
import Testing

@testable import LicenseCenter

/// Changes that share a transaction share what they read of titles, but never what is old or was undone.
@Suite(.onEveryEngine) struct TitleMemoryTests {
  /// One redemption before a newer file is published and one behind it, all in the transaction that publishes it: each gets
  /// the file that was the newest in its turn.
  @Test func redemptionsOfOneTransactionGetWhatIsPublishedBetweenThem() async throws {
    let bench = try await RedemptionBench()
    var context = bench.center.context
    let sandwich = Sandwich(bench)
    context.database = sandwich
    try await bench.publish([UInt8](repeating: 7, count: 50_000), to: TitleStore(context: context))
    let (before, behind) = (try #require(sandwich.before), try #require(sandwich.behind))
    #expect(before.octets < 50_000 && behind.octets >= 50_000)
    #expect(before.digest != behind.digest)
  }

  /// What a change remembered that failed is not told to the next one.
  @Test func whatWasUndoneIsNotRemembered() async throws {
    struct Stop: Error {}
    let bench = try await RedemptionBench()
    let database = bench.center.context.database
    let redemption = bench.center.redemption
    let requests = try bench.codes.map { try redemption.prepare(RedemptionRequest(code: $0, key: bench.key())) }
    let gate = Gate()
    let held = Task { try await database.write { try gate.hold($0) } }
    await gate.isHeld()
    let failed = Task {
      try await database.write { transaction in
        _ = try redemption.begin(requests[0], in: transaction)
        // What it has read is another name from now on.
        try transaction.tell("UPDATE titles SET name = 'never'", [])
        transaction.titleMemory?.forget()
        guard case .granted(let grant) = try redemption.begin(requests[1], in: transaction) else { return }
        #expect(grant.name == "never")
        throw Stop()
      }
    }
    while database.waitingCount < 1 { try await Task.sleep(for: .milliseconds(1)) }
    let answer = Task { try await database.write { try redemption.begin(requests[2], in: $0) } }
    while database.waitingCount < 2 { try await Task.sleep(for: .milliseconds(1)) }
    gate.open()
    try await held.value
    await #expect(throws: (any Error).self) { try await failed.value }
    guard case .granted(let grant) = try await answer.value else {
      Issue.record("refused")
      return
    }
    #expect(grant.name == bench.title.name)
  }
}

/// A database where a code is redeemed at the beginning and another at the end of the transaction that publishes.
private final class Sandwich: Database {
  private let bench: RedemptionBench
  private let base: any Database
  private let grants = Mutex<(before: DownloadGrant?, behind: DownloadGrant?)>((nil, nil))

  init(_ bench: RedemptionBench) {
    self.bench = bench
    base = bench.center.context.database
  }

  var before: DownloadGrant? { grants.withLock { $0.before } }
  var behind: DownloadGrant? { grants.withLock { $0.behind } }
  var dialect: SQLDialect { base.dialect }

  func read<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R { try await base.read(body) }

  func write<R: Sendable>(
    _ body: @escaping @Sendable (any Transaction) throws -> R
  ) async throws(CenterError) -> R {
    let redemption = bench.center.redemption
    let requests = try bench.codes.map { (code) throws(CenterError) in
      try redemption.prepare(RedemptionRequest(code: code, key: bench.key()))
    }
    return try await base.write { transaction in
      let count = try Sandwich.publications(transaction)
      let before = try redemption.begin(requests[0], in: transaction)
      let result = try body(transaction)
      guard try Sandwich.publications(transaction) > count else {
        try transaction.tell("UPDATE codes SET state = 'unused' WHERE state = 'inUse'", [])
        try transaction.tell("DELETE FROM redemptions", [])
        return result
      }
      let behind = try redemption.begin(requests[1], in: transaction)
      guard case (.granted(let first), .granted(let second)) = (before, behind) else { return result }
      self.grants.withLock { $0 = (first, second) }
      return result
    }
  }

  func close() throws(CenterError) { try base.close() }

  private static func publications(_ transaction: any Transaction) throws -> Int64 {
    try transaction.first("SELECT COUNT(*) AS count FROM publications")?.integer("count") ?? 0
  }
}
