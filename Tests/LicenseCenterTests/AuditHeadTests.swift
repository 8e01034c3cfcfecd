import Cryptography
import Formats
import Foundation
import Testing

@testable import LicenseCenter

/// What somebody does to the audit log with the database in hand, and that the signed heads outside of it show it.
@Suite(.onEveryEngine) struct AuditHeadTests {
  /// A centre with some history, its heads kept.
  private func center() async throws -> TestCenter {
    let test = try await TestCenter()
    for _ in 0..<6 {
      try await test.center.ledger.deposit(
        Money(minorUnits: 100, currency: .yen), for: test.serial, operation: try test.operationID())
    }
    try test.center.context.custody?.keeper.keep()
    _ = try await test.center.verify()
    return test
  }

  private func open(_ test: TestCenter) async throws -> Center {
    try await CenterFolder(test.path).open(
      passphrase: Secret(copying: TestCenter.passphrase), database: test.room.location, random: test.random,
      clock: test.clock)
  }

  /// Writes every hash anew, as whoever knows the program can: the chain by itself is sound again.
  private static func recompute(_ transaction: any Transaction) throws {
    var previous = AuditLog.origin
    for (index, row) in try transaction.run("SELECT * FROM audit_log ORDER BY sequence").enumerated() {
      let sequence = Int64(index + 1)
      let record = AuditRecord(
        sequence: sequence, time: try row.number("time"), action: try row.text("action"),
        subject: try row.text("subject"), detail: try row.text("detail"))
      let hash = record.hash(after: previous)
      try transaction.run(
        "UPDATE audit_log SET sequence = $2, previous = $3, hash = $4 WHERE sequence = $1",
        [.integer(try row.integer("sequence")), .integer(sequence), .blob(previous), .blob(hash)])
      previous = hash
    }
  }

  private static let tamperings: [(name: String, sql: [String])] = [
    ("altered", ["UPDATE audit_log SET detail = 'nothing' WHERE sequence = 4"]),
    ("other time", ["UPDATE audit_log SET time = time + 1 WHERE sequence = 3"]),
    ("removed", ["DELETE FROM audit_log WHERE sequence = 4"]),
    (
      "swapped",
      [
        "UPDATE audit_log SET sequence = 100 WHERE sequence = 2",
        "UPDATE audit_log SET sequence = 2 WHERE sequence = 3",
        "UPDATE audit_log SET sequence = 3 WHERE sequence = 100",
      ]
    ),
    ("cut off the end", ["DELETE FROM audit_log WHERE sequence > 5"]),
    ("cut by one", ["DELETE FROM audit_log WHERE sequence = (SELECT MAX(sequence) FROM audit_log)"]),
    ("cut and written on", ["DELETE FROM audit_log WHERE sequence > 5"]),
    ("emptied", ["DELETE FROM audit_log"]),
  ]

  @Test(arguments: [false, true]) func everyTamperingIsFound(recomputed: Bool) async throws {
    for (name, statements) in Self.tamperings {
      let test = try await center()
      // Records 2 and 3 are alike but for nothing; make them differ.
      try await test.center.context.database.write { transaction in
        try AuditLog.append(transaction, at: 1_800_000_000, "test", subject: 1)
      }
      try test.center.context.custody?.keeper.keep()
      try await test.center.context.custody?.folder.tamper(test.room) { transaction in
        for sql in statements { try transaction.run(sql) }
        if name == "cut and written on" {
          for _ in 0..<9 { try AuditLog.append(transaction, at: 1_800_000_000, "forged", subject: 1) }
        }
        if recomputed { try Self.recompute(transaction) }
      }
      await expectFailure(.damaged, "\(name)") { _ = try await test.center.verify() }
    }
  }

  /// Nothing stands before the first record, where the chain does not reach.
  @Test(arguments: [0, -7]) func recordBeforeTheFirstIsFound(number: Int) async throws {
    let test = try await center()
    try await test.center.context.custody?.folder.tamper(test.room) { transaction in
      try transaction.run(
        """
        INSERT INTO audit_log (sequence, time, action, subject, detail, previous, hash)
        SELECT \(number), time, 'card.custody.order', subject, 'terminated', previous, hash
        FROM audit_log WHERE sequence = 2
        """)
    }
    await expectFailure(.damaged) { _ = try await test.center.verify() }
    try test.center.close()
    await expectFailure(.damaged) { _ = try await open(test) }
  }

  /// What was cut off is noticed without reading the whole log, before anything is added to it.
  @Test func logThatIsNotWhatWasSignedLastIsNotOpened() async throws {
    for sql in ["DELETE FROM audit_log WHERE sequence > 5", "UPDATE audit_log SET detail = 'x' WHERE sequence = 3"] {
      let test = try await center()
      try test.center.close()
      let folder = CenterFolder(test.path)
      try await folder.tamper(test.room) { transaction in
        try transaction.run(sql)
        try Self.recompute(transaction)
      }
      await expectFailure(.damaged, "\(sql)") { _ = try await open(test) }
    }
  }

  @Test func headsAreKeptAtCloseAndAfterACrash() async throws {
    let test = try await TestCenter()
    let file = AuditHeadFile(path: CenterFolder(test.path).file(.heads))
    let deposit = { (center: Center) in
      try await center.ledger.deposit(
        Money(minorUnits: 1, currency: .yen), for: test.serial, operation: try test.operationID())
    }
    try await deposit(test.center)
    try test.center.close()
    let last = try #require(try file.last())
    let opened = try await open(test)
    #expect(try await opened.verify() == last.head)
    // A crash: records are there that no head covers, and a line is cut short.
    try await deposit(opened)
    let handle = try FileHandle(forWritingTo: URL(filePath: file.path))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data(last.line.utf8.prefix(100)))
    try handle.close()
    let again = try await open(test)
    #expect(try file.last()?.head == (try await again.verify()))
    try await deposit(again)
    try again.close()
    try? opened.close()
    let third = try await open(test)
    #expect(try await third.verify() == file.last()?.head)
    try third.close()
  }

  /// After so many records at once, or after so much time.
  @Test func headsAreKeptWhileRunning() async throws {
    let test = try await TestCenter()
    let context = test.center.context
    let file = AuditHeadFile(path: test.folder.path + "/other.heads")
    for policy in [HeadPolicy(records: 3, seconds: 3600), HeadPolicy(records: 1_000_000, seconds: 0.05)] {
      try? FileManager.default.removeItem(atPath: file.path)
      let keeper = HeadKeeper(
        file: file, center: context.facts.centerID, keys: context.keys, clock: context.clock, policy: policy, kept: 0)
      let database = WitnessedDatabase(base: context.database, keeper: keeper)
      for _ in 0..<3 {
        try await database.write { try AuditLog.append($0, at: 1_800_000_000, "test", subject: 1) }
      }
      let head = try await database.read { try AuditLog.head($0) }
      for _ in 0..<6_000 where try !file.exists || file.last()?.head != head {
        try await Task.sleep(for: .milliseconds(10))
      }
      #expect(try file.last()?.head == head)
    }
  }

  @Test func changedHeadsAreFound() async throws {
    let test = try await center()
    let path = CenterFolder(test.path).file(.heads)
    let original = try String(contentsOfFile: path, encoding: .utf8)
    let lines = original.split(separator: "\n").map(String.init)
    #expect(lines.allSatisfy { SignedAuditHead(line: $0)?.line == $0 })
    for offset in stride(from: 0, to: 247, by: 9) {
      var octets = Array(original.utf8)
      octets[offset] = octets[offset] == 0x31 ? 0x32 : 0x31
      try Data(octets).write(to: URL(filePath: path))
      await expectFailure(.damaged, "octet \(offset)") { _ = try await test.center.verify() }
    }
    // Another centre's head, and none at all.
    let other = try await TestCenter(seed: 2)
    let foreign = try #require(try other.center.signedHeads().last)
    try (original + foreign.line + "\n").write(toFile: path, atomically: true, encoding: .utf8)
    await expectFailure(.damaged) { _ = try await test.center.verify() }
    try FileManager.default.removeItem(atPath: path)
    await expectFailure(.damaged) { _ = try await test.center.verify() }
    await expectFailure(.damaged) { _ = try await open(test) }
  }

  /// Whoever writes database and heads anew is noticed by who kept a head elsewhere.
  @Test func headKeptElsewhereShowsARewrittenFolder() async throws {
    let test = try await center()
    let kept = try test.center.signedHeads()
    let path = CenterFolder(test.path).file(.heads)
    try await CenterFolder(test.path).tamper(test.room) { try $0.run("DELETE FROM audit_log WHERE sequence > 5") }
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    let few = lines.filter { SignedAuditHead(line: $0).map { $0.head.sequence <= 5 } ?? false }
    try (few.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
    _ = try await test.center.verify()
    await expectFailure(.damaged) { _ = try await test.center.verify(against: kept) }
  }

  @Test func clockSetBackIsNoticed() async throws {
    let test = try await center()
    let back = StandingClock()
    back.advance(by: 10_000)
    let center = try await CenterFolder(test.path).open(
      passphrase: Secret(copying: TestCenter.passphrase), database: test.room.location, random: test.random, clock: back
    )
    let amount = Money(minorUnits: 5, currency: .yen)
    try await center.ledger.deposit(amount, for: test.serial, operation: try test.operationID())
    // The other instance's clock stands 10,000 seconds before that.
    let operation = try test.operationID()
    await expectFailure(.clockSetBack) {
      try await test.center.ledger.deposit(amount, for: test.serial, operation: operation)
    }
    try center.close()
    await expectFailure(.clockSetBack) { _ = try await open(test) }
    test.clock.advance(by: 9_800)
    try await test.center.ledger.deposit(amount, for: test.serial, operation: operation)
    let late = try await open(test)
    _ = try await late.verify()
    try late.close()
  }

  @Test func clockThatWasFarAheadCanBeAccepted() async throws {
    let test = try await center()
    let ahead = StandingClock()
    ahead.advance(by: 50 * 366 * 86_400)
    let folder = CenterFolder(test.path)
    let wrong = try await folder.open(
      passphrase: Secret(copying: TestCenter.passphrase), database: test.room.location, random: test.random,
      clock: ahead)
    try await wrong.ledger.deposit(
      Money(minorUnits: 5, currency: .yen), for: test.serial, operation: try test.operationID())
    try wrong.close()
    await expectFailure(.clockSetBack) { _ = try await open(test) }
    let center = try await folder.openAcceptingClock(
      passphrase: Secret(copying: TestCenter.passphrase), database: test.room.location, random: test.random,
      clock: test.clock)
    try await center.ledger.deposit(
      Money(minorUnits: 5, currency: .yen), for: test.serial, operation: try test.operationID())
    _ = try await center.verify()
    try center.close()
    let again = try await open(test)
    try again.close()
  }
}

extension CenterFolder {
  /// Writes in the database as somebody does who is not the centre.
  func tamper(
    _ room: ScratchLocation, _ body: @escaping @Sendable (any Transaction) throws -> Void
  ) async throws {
    let database = try await room.location.open(file: file(.database))
    try await database.write(body)
    try database.close()
  }
}
