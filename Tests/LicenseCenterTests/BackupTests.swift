import Cryptography
import Formats
import Foundation
import Identifiers
import PostgresRig
import Synchronization
import TestSupport
import Testing

@testable import LicenseCenter

@Suite(.onEveryEngine) struct BackupTests {
  private func restore(
    _ test: TestCenter, _ backup: String, to path: String, in location: DatabaseLocation = .file,
    replacing: Bool = false
  ) async throws -> (BackupContents, String?) {
    try await CenterFolder.restore(
      backup, to: path, replacing: replacing, passphrase: Secret(copying: TestCenter.passphrase), database: location,
      random: test.random, clock: test.clock)
  }

  private func open(_ test: TestCenter, _ path: String, in location: DatabaseLocation = .file) async throws -> Center {
    try await CenterFolder(path).open(
      passphrase: Secret(copying: TestCenter.passphrase), database: location, random: test.random, clock: test.clock)
  }

  /// Room on some engine, whichever the test runs on.
  private func room(on engine: Engine) throws -> ScratchLocation {
    try Engine.$current.withValue(engine) { try ScratchLocation() }
  }

  /// Every row of every table, as text.
  private static func everything(_ database: any Database) async throws -> [String: Set<SQLRow>] {
    try await database.read { transaction in
      try Schema.tables(upTo: Schema.migrations.count).reduce(into: [:]) { all, table in
        all[table.name] = Set(try transaction.run("SELECT * FROM \(table.name)"))
      }
    }
  }

  /// A centre with something in most tables.
  private func center() async throws -> (TestCenter, TitleRecord) {
    let test = try await TestCenter()
    let title = try await test.issuedCardAndTitle()
    _ = try await test.center.charging.charge(try test.chargeOrder(title), over: TestRelay(test.card))
    _ = try await test.center.rightsSeller.sell(
      SealSheetOrder(
        operationID: test.operationID(), cardSerial: test.serial, softwareID: title.softwareID, quantity: 3, url: "u"))
    try await test.center.ledger.deposit(
      Money(minorUnits: 100, currency: .yen), for: test.serial, operation: try test.operationID())
    return (test, title)
  }

  @Test func everyTableHasAKeyAndIsFound() async throws {
    let test = try await TestCenter()
    let tables = Schema.tables(upTo: Schema.migrations.count)
    #expect(tables.allSatisfy { !$0.key.isEmpty })
    #expect(tables.first { $0.name == "postings" }?.key == ["entry", "line"])
    #expect(tables.first { $0.name == "counters" }?.key == ["name"])
    #expect(tables.first { $0.name == "user_profiles" }?.key == ["card"])
    let isFile = test.room.engine == .sqlite
    let query =
      isFile
      ? "SELECT name FROM sqlite_schema WHERE type = 'table'"
      : "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
    let names = try await test.center.context.database.read { transaction in
      try transaction.run(query).map { try $0.text("name") }
    }
    #expect(Set(names) == Set(tables.map(\.name) + ["schema_version"] + (isFile ? [] : ["write_turn", "turn_notes"])))
  }

  /// From either engine into either.
  @Test(arguments: Engine.allCases) func restoredCentreIsTheSame(target: Engine) async throws {
    let (test, title) = try await center()
    let backup = test.folder.path + "/backup"
    let before = try await Self.everything(test.center.context.database)
    let contents = try await test.center.backUp(to: backup)
    #expect(contents.rows == before.values.reduce(0) { $0 + $1.count })
    let mode = try FileManager.default.attributesOfItem(atPath: backup)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    let path = test.folder.path + "/restored"
    let room = try room(on: target)
    _ = try await restore(test, backup, to: path, in: room.location)
    let files = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    #expect(files == ["audit.heads"] + (target == .sqlite ? ["center.db"] : []) + ["center.json", "keys.sealed"])
    let restored = try await open(test, path, in: room.location)
    var after = try await Self.everything(restored.context.database)
    // But for the note that it was restored.
    let note = try #require(after["audit_log"]?.first { $0["action"] == "center.restore" })
    after["audit_log"]?.remove(note)
    #expect(after == before)
    #expect(restored.facts == test.center.facts)
    _ = try await restored.verify()
    // It goes on where the other was: the card takes its next charge.
    _ = try await restored.charging.charge(try test.chargeOrder(title), over: TestRelay(test.card))
    _ = try await restored.verify()
    try restored.close()
    await expectFailure(.conflict) { _ = try await restore(test, backup, to: path, in: room.location) }
    await expectFailure(.storage) { _ = try await test.center.backUp(to: backup) }
  }

  /// A server's database must hold nothing, and holds nothing after whatever failed.
  @Test func databaseOnAServerIsFilledWholeOrNotAtAll() async throws {
    let (test, _) = try await center()
    let (backup, path) = (test.folder.path + "/backup", test.folder.path + "/restored")
    _ = try await test.center.backUp(to: backup)
    let room = try room(on: .postgreSQL)
    let database = try await room.open()
    defer { try? database.close() }
    func expectNothing() async throws {
      let tables = Schema.tables(upTo: Schema.migrations.count).map(\.name)
      let names = try await database.read { transaction in
        try transaction.run("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'").map {
          try $0.text("name")
        }
      }
      for name in Set(names).intersection(tables) {
        #expect(try await database.read { try $0.run("SELECT 1 FROM \(name) LIMIT 1") }.isEmpty, "\(name)")
      }
      #expect(!FileManager.default.fileExists(atPath: path))
    }

    let changed = test.folder.path + "/changed"
    var octets = try Data(contentsOf: URL(filePath: backup))
    octets[octets.count - 20] ^= 1
    try octets.write(to: URL(filePath: changed))
    await expectFailure(.damaged) { _ = try await restore(test, changed, to: path, in: room.location) }
    try await expectNothing()
    // The clock is what is looked at last.
    await expectFailure(.clockSetBack) {
      let clock = StandingClock()
      test.clock.advance(by: 10_000)
      _ = try await test.center.backUp(to: test.folder.path + "/later")
      _ = try await CenterFolder.restore(
        test.folder.path + "/later", to: path, passphrase: Secret(copying: TestCenter.passphrase),
        database: room.location, random: test.random, clock: clock)
    }
    try await expectNothing()
    // The folder cannot get its name.
    await expectFailure(.storage) {
      _ = try await CenterFolder.restore(
        backup, to: path, passphrase: Secret(copying: TestCenter.passphrase), database: room.location,
        random: test.random, clock: ObstructingClock(path: path, clock: test.clock))
    }
    #expect(FileManager.default.fileExists(atPath: path + "/taken"))
    try FileManager.default.removeItem(atPath: path)
    try await expectNothing()

    _ = try await restore(test, backup, to: path, in: room.location)
    let restored = try await open(test, path, in: room.location)
    let records = try await restored.verify().sequence
    await expectFailure(.conflict) { _ = try await restore(test, backup, to: path + "-2", in: room.location) }
    #expect(try await restored.verify().sequence == records)
    try restored.close()
  }

  /// A server that ends the connection in the middle of a restore: it is begun anew, and nothing is there twice.
  @Test func restoreThatLosesItsServerBeginsAnew() async throws {
    let (test, _) = try await center()
    let (backup, path) = (test.folder.path + "/backup", test.folder.path + "/restored")
    _ = try await test.center.backUp(to: backup)
    let before = try await test.center.verify()
    let room = try room(on: .postgreSQL)
    let name = try #require(room.name)
    let server = try PrivatePostgres.shared()
    // What the server ends, in the middle of the rows, twice: a sequence counts on whatever is rolled back.
    try server.run(
      """
      CREATE SEQUENCE cuts;
      CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('cuts') <= 2 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
        RETURN NEW;
      END $$;
      CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
        IF to_regclass('audit_log') IS NOT NULL AND to_regclass('cards') IS NULL THEN
          CREATE TRIGGER cut BEFORE INSERT ON audit_log FOR EACH ROW WHEN (NEW.sequence = 4) EXECUTE FUNCTION cut();
        END IF;
      END $$;
      CREATE EVENT TRIGGER watching ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION watch()
      """, in: name)
    _ = try await restore(test, backup, to: path, in: room.location)
    #expect(try server.run("SELECT last_value FROM cuts", in: name) == [["3"]])
    let restored = try await open(test, path, in: room.location)
    // The record of the backup is not in it, and that of the restore is.
    #expect(try await restored.verify().sequence == before.sequence)
    try restored.close()
  }

  private final class Load: Sendable {
    let answered = Mutex<Set<String>>([])
    let isDone = Mutex(false)
  }

  /// Whatever was answered before the backup began is in it, and what is in it is one moment.
  @Test func backupUnderLoadLosesNothingAnswered() async throws {
    let test = try await TestCenter()
    _ = try await test.issuedCardAndTitle()
    let center = test.center
    let serial = test.serial
    let load = Load()
    let rounds = Randomness("backup under load").soak(3, full: 40)
    try await withThrowingTaskGroup(of: Void.self) { group in
      let random = test.random
      for _ in 0..<8 {
        group.addTask {
          while !load.isDone.withLock({ $0 }) {
            let operation = try #require(OperationID(octets: random.octets(16)))
            try await center.ledger.deposit(
              Money(minorUnits: 1, currency: .yen), for: serial, operation: operation)
            load.answered.withLock { _ = $0.insert("deposit:\(operation)") }
          }
        }
      }
      defer { load.isDone.withLock { $0 = true } }
      for round in 0..<rounds {
        // A busy machine may take a while until something has been answered.
        for _ in 0..<6000 where load.answered.withLock({ $0.count }) < 8 * (round + 1) {
          try await Task.sleep(for: .milliseconds(10))
        }
        let before = load.answered.withLock { $0 }
        let backup = test.folder.path + "/backup-\(round)"
        let contents = try await center.backUp(to: backup)
        let path = test.folder.path + "/restored-\(round)"
        _ = try await restore(test, backup, to: path)
        let restored = try await open(test, path)
        let rows = try await restored.context.database.read { try $0.run("SELECT operation FROM ledger_entries") }
        let there = Set(try rows.map { try $0.text("operation") })
        #expect(before.count > 0 && before.isSubset(of: there))
        #expect(try await restored.ledger.balance(of: .holder(serial), in: .yen).minorUnits == Int64(there.count))
        #expect(try await restored.verify().sequence == contents.head.head.sequence + 1)
        try restored.close()
      }
      load.isDone.withLock { $0 = true }
      try await group.waitForAll()
    }
  }

  @Test func changedBackupRestoresNothing() async throws {
    let (test, _) = try await center()
    let backup = test.folder.path + "/backup"
    _ = try await test.center.backUp(to: backup)
    let octets = Array(try Data(contentsOf: URL(filePath: backup)))
    let changed = test.folder.path + "/changed"
    var variants = stride(from: 0, to: octets.count, by: max(1, octets.count / 24)).map { offset in
      var variant = octets
      variant[offset] ^= 1
      return variant
    }
    variants += [0, 8, 100, octets.count / 2, octets.count - 1].map { Array(octets.prefix($0)) } + [octets + [0]]
    for (index, variant) in variants.enumerated() {
      try Data(variant).write(to: URL(filePath: changed))
      await #expect(throws: CenterError.self, "variant \(index)") {
        _ = try await restore(test, changed, to: test.path, replacing: true)
      }
    }
    await expectFailure(.keyStore) {
      _ = try await CenterFolder.restore(
        backup, to: test.folder.path + "/other", passphrase: Secret(copying: [1]), random: test.random,
        clock: test.clock)
    }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: test.folder.path).sorted() == ["backup", "center", "changed"])
    _ = try await test.center.verify()
    let contents = try await CenterFolder.checkBackup(
      backup, scratch: test.folder.path, passphrase: Secret(copying: TestCenter.passphrase), random: test.random,
      clock: test.clock)
    #expect(contents.centerID == test.center.facts.centerID)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: test.folder.path).sorted() == ["backup", "center", "changed"])
  }

  /// Two backups at once to one place: each has the name whole, or is refused; and what a killed one left is no hindrance.
  @Test func backupIsItsWritersAloneUntilItIsWhole() async throws {
    let (test, _) = try await center()
    let backup = test.folder.path + "/backup"
    let writer = try BackupWriter(
      path: backup, box: [1, 2], keyVersion: 1, key: Secret(random: 32, from: test.random), random: test.random, "test")
    try writer.append(.facts, [1])
    await expectFailure(.conflict) { _ = try await test.center.backUp(to: backup) }
    #expect(!FileManager.default.fileExists(atPath: backup))
    try writer.append(.facts, [UInt8](repeating: 2, count: 100_000))
    try writer.finish()
    #expect(try Data(contentsOf: URL(filePath: backup)).count > 100_000)
    await expectFailure(.storage) { _ = try await test.center.backUp(to: backup) }
    #expect(try Data(contentsOf: URL(filePath: backup)).count > 100_000)
    try FileManager.default.removeItem(atPath: backup)
    try Data(repeating: 7, count: 1 << 20).write(to: URL(filePath: backup + ".part"))
    let contents = try await test.center.backUp(to: backup)
    let (restored, _) = try await restore(test, backup, to: test.folder.path + "/restored")
    #expect(restored == contents && !FileManager.default.fileExists(atPath: backup + ".part"))
  }

  @Test func damagedCentreMakesPlaceForItsBackup() async throws {
    let (test, _) = try await center()
    let backup = test.folder.path + "/backup"
    _ = try await test.center.backUp(to: backup)
    try test.center.close()
    try await CenterFolder(test.path).tamper(test.room) { try $0.run("DELETE FROM audit_log WHERE sequence > 2") }
    await expectFailure(.damaged) { _ = try await open(test, test.path, in: test.room.location) }
    let (_, replaced) = try await restore(test, backup, to: test.path, replacing: true)
    let center = try await open(test, test.path)
    _ = try await center.verify()
    try center.close()
    let aside = try #require(replaced)
    await expectFailure(.damaged) { _ = try await open(test, aside, in: test.room.location) }
  }

  /// A backup opens with the keys of its time, and has all that is needed after a rotation.
  @Test func backupOfRotatedKeysIsRestored() async throws {
    let (test, _) = try await center()
    let backup = test.folder.path + "/backup"
    for purpose in KeyPurpose.allCases {
      _ = try await CenterFolder(test.path).rotate(
        purpose, passphrase: Secret(copying: TestCenter.passphrase), database: test.room.location, random: test.random,
        clock: test.clock)
    }
    let rotated = try await open(test, test.path, in: test.room.location)
    _ = try await rotated.backUp(to: backup)
    let path = test.folder.path + "/restored"
    _ = try await restore(test, backup, to: path)
    let restored = try await open(test, path)
    #expect(restored.facts == rotated.facts)
    #expect(try await restored.cardIssuer.card(test.serial).purchaser == "Purchaser Tanaka")
    try restored.close()
    try rotated.close()
  }
}
