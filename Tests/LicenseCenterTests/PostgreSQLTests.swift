import Foundation
import PostgresRig
import Synchronization
import TestSupport
import Testing

@testable import LicenseCenter

/// What only a server can do to its clients: go away, come back, and serve somebody else meanwhile.
@Suite struct PostgreSQLTests {
  /// A database on the private server, with a table to count in.
  private final class Scratch: Sendable {
    let server: PrivatePostgres
    let name: String
    let address: PostgreSQLAddress
    let database: PostgreSQLDatabase

    init(on server: PrivatePostgres, patience: Duration = .seconds(60)) async throws {
      self.server = server
      name = try server.makeDatabase()
      address = try PostgreSQLAddress(server.url(of: name))
      database = try await PostgreSQLDatabase(address, patience: patience)
      try await database.write { transaction in
        try transaction.run("CREATE TABLE t (id BIGINT PRIMARY KEY, value BIGINT NOT NULL)")
        _ = try transaction.run("INSERT INTO t (id, value) VALUES (1, 0)")
      }
    }

    deinit {
      try? database.close()
      try? server.dropDatabase(name)
    }

    func value() async throws -> Int64? {
      try await database.read { try $0.first("SELECT value FROM t WHERE id = 1")?.integer("value") }
    }

    func count() async throws(CenterError) {
      try await database.write { _ = try $0.run("UPDATE t SET value = value + 1 WHERE id = 1") }
    }

    /// Ends the connections of this database's clients, or some of them, as an administrator may.
    func cut(_ condition: String = "true") throws {
      try server.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(name)' AND \(condition)")
    }
  }

  /// Several instances open a database that holds nothing yet, at once: each finds it whole.
  @Test func emptyDatabaseIsOpenedByManyAtOnce() async throws {
    let server = try PrivatePostgres.shared()
    for _ in 0..<Randomness("first openings").soak(4, full: 100) {
      let name = try server.makeDatabase()
      defer { try? server.dropDatabase(name) }
      let address = try PostgreSQLAddress(server.url(of: name))
      let versions = try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<12 {
          group.addTask {
            let database = try await PostgreSQLDatabase(address, readerCount: 1)
            defer { try? database.close() }
            return try await database.read { try Schema.version($0) }
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(versions == [Int](repeating: Schema.migrations.count, count: 12))
    }
  }

  /// The same, when the first of them is slow in the middle of it: who comes meanwhile waits, and does not stumble.
  @Test func slowFirstOpeningIsWaitedFor() async throws {
    let server = try PrivatePostgres.shared()
    let name = try server.makeDatabase()
    defer { try? server.dropDatabase(name) }
    let end = Gate()
    let slow = Thread {
      defer { end.open() }
      _ = try? server.run(
        """
        BEGIN; SELECT pg_advisory_xact_lock(\(PostgreSQLWriter.preparation));
        CREATE TABLE write_turn (); SELECT pg_sleep(1); COMMIT
        """, in: name)
    }
    slow.start()
    let sleeping = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = '\(name)'"
    // On a busy machine it may be over before anybody looks.
    while try !end.isOpen && server.run(sleeping).isEmpty { try await Task.sleep(for: .milliseconds(5)) }
    let address = try PostgreSQLAddress(server.url(of: name))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<3 {
        group.addTask { try await PostgreSQLDatabase(address, readerCount: 1).close() }
      }
      try await group.waitForAll()
    }
  }

  /// Every connection is cut again and again under load: no caller notices, and each counts once.
  @Test func lostConnectionsAreReplaced() async throws {
    let random = Randomness("lost connections")
    let rounds = random.soak(20, full: 500)
    let scratch = try await Scratch(on: .shared())
    let callers = 32
    let end = Gate()
    let cutter = Task {
      var cuts = 0
      while !end.isOpen {
        try scratch.cut()
        cuts += 1
        try await Task.sleep(for: .milliseconds(40))
      }
      return cuts
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<callers {
        group.addTask {
          for _ in 0..<rounds {
            try await scratch.count()
            let value = try await scratch.value()
            #expect(value ?? 0 > 0)
          }
        }
      }
      try await group.waitForAll()
    }
    end.open()
    #expect(try await cutter.value > 0)
    #expect(try await scratch.value() == Int64(callers * rounds))
  }

  /// The line breaks before the commit: the server says that nothing came of it, and all of it is done again.
  @Test func cutBeforeTheCommitIsRepeated() async throws {
    let scratch = try await Scratch(on: .shared())
    let runs = Mutex(0)
    try await scratch.database.write { transaction in
      let run = runs.withLock { runs in
        runs += 1
        return runs
      }
      _ = try transaction.run("UPDATE t SET value = value + 1 WHERE id = 1")
      if run == 1 {
        let row = try transaction.first("SELECT pg_backend_pid() AS pid")
        try scratch.cut("pid = \(row?.integer("pid") ?? 0)")
      }
    }
    #expect(runs.withLock { $0 } == 2)
    #expect(try await scratch.value() == 1)
  }

  /// Somebody else changes the row between our look at it and our change: ours is made anew, from what is there then.
  @Test func changeThatCameBetweenIsSeen() async throws {
    let scratch = try await Scratch(on: .shared())
    let runs = Mutex(0)
    let seen = try await scratch.database.write { transaction in
      let run = runs.withLock { runs in
        runs += 1
        return runs
      }
      let value = try transaction.first("SELECT value FROM t WHERE id = 1")?.integer("value") ?? -1
      if run == 1 { try scratch.server.run("UPDATE t SET value = 70 WHERE id = 1", in: scratch.name) }
      // Even a change that hides the refusal is made anew.
      _ = try? transaction.run("UPDATE t SET value = $1 WHERE id = 1", [.integer(value + 1)])
      return value
    }
    #expect(seen == 70 && runs.withLock { $0 } == 2)
    #expect(try await scratch.value() == 71)
  }

  /// Two instances, with callers of both at once: one order for all, no number twice and none left out.
  @Test func instancesTakeTurns() async throws {
    let scratch = try await Scratch(on: .shared())
    let other = try await PostgreSQLDatabase(scratch.address)
    defer { try? other.close() }
    let numbers = try await withThrowingTaskGroup(of: Int64.self) { group in
      for caller in 0..<200 {
        let database = caller.isMultiple(of: 2) ? scratch.database : other
        group.addTask { try await database.write { try $0.nextNumber(of: "test") } }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(numbers.sorted() == Array(1...200))
  }

  /// Instances that start at once make the schema once.
  @Test func instancesStartTogether() async throws {
    let server = try PrivatePostgres.shared()
    let name = try server.makeDatabase()
    defer { try? server.dropDatabase(name) }
    let address = try PostgreSQLAddress(server.url(of: name))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          let database = try await PostgreSQLDatabase(address)
          _ = try await database.write { try $0.nextNumber(of: "start") }
          try database.close()
        }
      }
      try await group.waitForAll()
    }
    #expect(try server.run("SELECT value FROM counters", in: name) == [["8"]])
  }

  /// Another instance's migration changes what a planned statement answers.
  @Test func outdatedPlansAreMadeAnew() async throws {
    let scratch = try await Scratch(on: .shared())
    let look: @Sendable (any Transaction) throws -> SQLRow? = { try $0.first("SELECT * FROM t") }
    for name in ["first", "second"] {
      _ = try await scratch.database.read(look)
      _ = try await scratch.database.write(look)
      try scratch.server.run("ALTER TABLE t ADD COLUMN \(name) BIGINT DEFAULT 5", in: scratch.name)
      #expect(try await scratch.database.read(look)?[name] == 5)
      #expect(try await scratch.database.write(look)?[name] == 5)
    }
  }

  /// More statements than are kept planned, each of them twice.
  @Test func statementsMayBeMany() async throws {
    let scratch = try await Scratch(on: .shared())
    for _ in 0..<2 {
      let numbers = try await scratch.database.read { transaction in
        try (0..<600).map { try transaction.first("SELECT CAST(\($0) AS BIGINT) AS n")?.integer("n") ?? -1 }
      }
      #expect(numbers == Array(0..<600))
    }
  }

  /// The server crashes and comes back under load: who was answered is in the books, and nobody is there twice.
  @Test func crashLosesNothingThatWasAnswered() async throws {
    let random = Randomness("crashes of the server")
    let crashes = random.soak(2, full: 50)
    let server = try PrivatePostgres.start()
    defer { server.stop() }
    let scratch = try await Scratch(on: server)
    let end = Gate()
    let callers = Task {
      try await withThrowingTaskGroup(of: Int64.self) { group in
        for _ in 0..<16 {
          group.addTask {
            var answered: Int64 = 0
            while !end.isOpen {
              try await scratch.count()
              answered += 1
            }
            return answered
          }
        }
        return try await group.reduce(0, +)
      }
    }
    for _ in 0..<crashes {
      try await Task.sleep(for: .milliseconds(150))
      try server.crash()
      try server.startAgain()
    }
    try await Task.sleep(for: .milliseconds(150))
    end.open()
    let answered = try await callers.value
    #expect(answered > 0)
    #expect(try await scratch.value() == answered)
  }

  /// A crash takes away what was not yet durable, and the server's number of that transaction goes to somebody else, who
  /// commits. It is not taken for the one that was lost, which is made once more.
  @Test func aLostTransactionIsNotTakenForAnother() async throws {
    let server = try PrivatePostgres.start()
    defer { server.stop() }
    let scratch = try await Scratch(on: server, patience: .seconds(600))
    var isGivenAgain = false
    var trials: Int64 = 0
    // A server that happens to make its log durable in between does not give the number again.
    while !isGivenAgain, trials < 20 {
      trials += 1
      let attempts = Mutex(0)
      let seen = Mutex(false)
      isGivenAgain = try await scratch.database.write { transaction in
        let own = try transaction.first("SELECT CAST(txid_current() AS TEXT) AS number")?.text("number")
        _ = try transaction.run("UPDATE t SET value = value + 1 WHERE id = 1")
        let isFirst = attempts.withLock { count in
          count += 1
          return count == 1
        }
        guard isFirst else { return seen.withLock { $0 } }
        try server.crash()
        try server.startAgain()
        let others = try (0..<50).map { _ in try server.run("SELECT txid_current()").first?.first ?? nil }
        seen.withLock { $0 = others.contains(own) }
        return seen.withLock { $0 }
      }
      #expect(attempts.withLock { $0 } == 2)
      #expect(try await scratch.value() == trials)
    }
    #expect(isGivenAgain, "the server never gave a number again, so nothing was tested")
  }

  /// What a writer noted is taken away with its newest transaction: nobody can say any more what became of that.
  @Test func whoFindsNoNoteOfItsOwnCannotTell() async throws {
    let server = try PrivatePostgres.start()
    defer { server.stop() }
    let scratch = try await Scratch(on: server, patience: .seconds(600))
    try await scratch.count()
    let attempts = Mutex(0)
    let start = ContinuousClock.now
    await expectFailure(.unknownOutcome) {
      try await scratch.database.write { transaction in
        _ = try transaction.run("UPDATE t SET value = value + 1 WHERE id = 1")
        attempts.withLock { $0 += 1 }
        guard attempts.withLock({ $0 == 1 }) else { return }
        try server.crash()
        try server.startAgain()
        try server.run("DELETE FROM turn_notes", in: scratch.name)
      }
    }
    // To ask again would be of no use.
    #expect(start.duration(to: .now) < .seconds(300))
    #expect(try await scratch.value() == 1)
    try await scratch.count()
    #expect(try await scratch.value() == 2)
  }

  /// Old notes go when somebody opens the database; those that may still be asked for stay. Whoever opens it has one from
  /// the start.
  @Test func oldNotesAreForgotten() async throws {
    let scratch = try await Scratch(on: try PrivatePostgres.shared())
    for (writer, days) in [("old", 31), ("young", 29)] {
      try scratch.server.run(
        "INSERT INTO turn_notes VALUES ('\(writer)', 7, now() - interval '\(days) days')", in: scratch.name)
    }
    let second = PostgreSQLWriter(scratch.address, patience: .seconds(60))
    try second.prepare()
    second.close()
    let left = try scratch.server.run("SELECT writer, number FROM turn_notes", in: scratch.name)
    #expect(left.contains(["young", "7"]))
    #expect(!left.contains { $0[0] == "old" })
    #expect(left.contains { $0[1] == "0" })
    #expect(left.count == 3, "each of the two who opened it has one: \(left)")
  }

  /// An instance is started while the server keeps it waiting, or together with the server: it is patient.
  @Test func serverWithoutTimeIsWaitedFor() async throws {
    let server = try PrivatePostgres.start()
    defer { server.stop() }
    // libpq gives up after two seconds, which is the least it can be told.
    let address = try PostgreSQLAddress(server.url(of: try server.makeDatabase()) + "?connect_timeout=2")
    try server.freeze()
    await expectFailure(.storage) { _ = try await PostgreSQLDatabase(address, patience: .zero) }
    async let busy = PostgreSQLDatabase(address, patience: .seconds(60))
    try await Task.sleep(for: .seconds(3))
    try server.thaw()
    try await busy.close()
    try server.crash()
    try server.beginStart()
    await expectFailure(.storage) { _ = try await PostgreSQLDatabase(address, patience: .zero) }
    async let starting = PostgreSQLDatabase(address, patience: .seconds(60))
    try await Task.sleep(for: .milliseconds(500))
    try server.finishStart()
    let database = try await starting
    #expect(try await database.read { try Schema.version($0) } == Schema.migrations.count)
    try database.close()
  }

  /// A server that is started again in the middle of it is not there for a while.
  @Test func serverThatIsStartedAgainIsWaitedFor() async throws {
    let server = try PrivatePostgres.start()
    defer { server.stop() }
    let address = try PostgreSQLAddress(server.url(of: try server.makeDatabase()) + "?connect_timeout=2")
    func wait(until isSo: (_ connectionCount: Int) -> Bool) async throws {
      let deadline = ContinuousClock.now + .seconds(300)
      while try !isSo(server.connectionCount()) {
        try #require(.now < deadline)
        try await Task.sleep(for: .milliseconds(5))
      }
    }
    // Nobody is on the way out any more.
    try await wait { $0 == 0 }
    try server.freeze()
    async let opening = PostgreSQLDatabase(address, patience: .seconds(600))
    // One attempt makes two connections: with a third it has been kept waiting once.
    try await wait { $0 >= 3 }
    try server.crash()
    try await Task.sleep(for: .seconds(1))
    try server.startAgain()
    try await opening.close()
  }

  /// A server that refuses outright is told of at once, whatever the patience: the address may be wrong.
  @Test(arguments: ["postgres://u@127.0.0.1:1/db", "postgres://u@%2Fnowhere/db"])
  func serverThatIsNotThereIsNotWaitedFor(url: String) async throws {
    let address = try PostgreSQLAddress(url)
    let start = ContinuousClock.now
    await expectFailure(.storage) { _ = try await PostgreSQLDatabase(address, patience: .seconds(600)) }
    #expect(start.duration(to: .now) < .seconds(300))
  }

  /// The line breaks after the server has committed and before it says so. It is asked, and the change is not made twice;
  /// if there is nobody left to be asked, the caller hears just that.
  @Test func lostConfirmationIsFoundOut() async throws {
    let server = try PrivatePostgres.start()
    defer { server.stop() }
    let scratch = try await Scratch(on: server)
    func hold(_ standby: String) throws {
      try server.run("ALTER SYSTEM SET synchronous_standby_names = '\(standby)'")
      try server.run("SELECT pg_reload_conf()")
    }
    // The server takes a setting in when it comes to it: commits are tried until one waits.
    func holdCommits() async throws {
      try hold("nobody")
      var isHeld = false
      while !isHeld {
        let isOver = Gate()
        Thread.detachNewThread {
          _ = try? server.run("CREATE TABLE IF NOT EXISTS tries (); INSERT INTO tries DEFAULT VALUES")
          isOver.open()
        }
        while !isOver.isOpen {
          let waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = 'postgres'"
          if try !server.run("SELECT pg_cancel_backend(pid) \(waiting)").isEmpty { isHeld = true }
          try await Task.sleep(for: .milliseconds(5))
        }
      }
    }
    func waitForCommit() async throws {
      let waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = '\(scratch.name)'"
      while try server.run(waiting).isEmpty { try await Task.sleep(for: .milliseconds(5)) }
    }
    // A commit now waits for a standby that never comes, when it is durable here already.
    try await holdCommits()
    async let confirmed: Void = scratch.count()
    try await waitForCommit()
    try scratch.cut("wait_event = 'SyncRep'")
    // Were it made again now, nothing would hold it up.
    try hold("")
    try await confirmed
    #expect(try await scratch.value() == 1)
    let impatient = try await PostgreSQLDatabase(scratch.address, patience: .seconds(2))
    try await holdCommits()
    let undecided = Task {
      try await impatient.write { _ = try $0.run("UPDATE t SET value = value + 1 WHERE id = 1") }
    }
    try await waitForCommit()
    try server.crash()
    await expectFailure(.unknownOutcome) { try await undecided.value }
    try server.startAgain()
    try hold("")
    #expect(try await scratch.value() == 2)
    try await scratch.count()
    #expect(try await scratch.value() == 3)
    try impatient.close()
  }

  @Test(arguments: [
    "postgres://u:s%2Fcret@127.0.0.1:1/db", "postgres://u:s%2Fcret@nowhere.invalid/db?connect_timeout=1",
    "postgresql://u@127.0.0.1:1/db?password=s%2Fcret",
  ])
  func passwordsAreShownNowhere(url: String) async throws {
    let address = try PostgreSQLAddress(url)
    var texts = ["\(address)", String(reflecting: address), "\(DatabaseLocation.server(address))"]
    dump(address, to: &texts[0])
    let error = await expectFailure(.storage) { _ = try await PostgreSQLDatabase(address) }
    texts.append(try #require(error).description)
    for text in texts { #expect(!text.contains("s/cret") && !text.contains("s%2Fcret"), "\(text)") }
  }

  @Test(arguments: [
    "postgres://u:se@cret@host/db", "postgres://u:12/cret@host/db", "postgres://u:12?cret@host/db",
    "postgres://u:secret@host/db?a",
    "host=secret",
    "postgres://u:secret%zz@host/db", "https://secret/", "",
  ])
  func whatIsNoURLIsRefusedWithoutRepeatingIt(url: String) async throws {
    let error = await expectFailure(.invalid) { _ = try PostgreSQLAddress(url) }
    #expect(error?.description.contains("cret") == false)
  }
}
