import Foundation
import LicenseCenter
import PostgresRig
import Synchronization

/// Redemptions by 256 callers at once, whose changes share commits: on SQLite beside the same statements with a
/// transaction and a commit each, on PostgreSQL beside pgbench, which changes the same rows over many connections.
enum CenterBenchmarks {
  private static let callers = 256
  /// Connections of the references; the better count is the reference.
  private static let sqliteConnections = [1, 8]
  private static let pgbenchClients = [16, 64]

  static let all: [Benchmark] = [
    Benchmark(name: "centre: redemptions on SQLite") { plan in
      let path = FileManager.default.currentDirectoryPath + "/.warifu-bench-\(UUID().uuidString).db"
      defer { for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) } }
      let database = try await SQLiteDatabase(path: path)
      defer { try? database.close() }
      try await RedemptionBooks.fill(database)
      return [
        try await Comparison(plan: plan).figure(
          "redemptions, \(callers) callers : one transaction each", goal: .ratio(3),
          ours: { count in try await redeem(count, in: database) },
          references: try sqliteConnections.map { connections in
            let reference = try OneTransactionEach(path: path, connections: connections)
            return { count in try await together(count) { try await reference.redeem($0) } }
          })
      ]
    },
    Benchmark(name: "centre: redemptions on PostgreSQL") { plan in
      let server = try PrivatePostgres.start(isDurable: true)
      defer { server.stop() }
      let name = try server.makeDatabase()
      let database = try await PostgreSQLDatabase(try PostgreSQLAddress(server.url(of: name)))
      defer { try? database.close() }
      try await RedemptionBooks.fill(database)
      for statement in ["CREATE SEQUENCE measured", "VACUUM ANALYZE"] {
        try server.run(statement, in: name)
      }
      return [
        try await Comparison(plan: plan).figure(
          "redemptions on PostgreSQL, \(callers) callers : pgbench", goal: .ratio(0.6),
          ours: { count in try await redeem(count, in: database) },
          references: pgbenchClients.map { clients in
            { count in try server.benchmark(script, clients: clients, transactions: count, in: name) }
          })
      ]
    },
  ]

  /// What changes the same rows. Its records are numbered backwards, out of the way of the chain, and need not wait for
  /// one another, as those of a chain must.
  private static let script = """
    \\set number random(0, \(RedemptionBooks.codes - 1))
    BEGIN;
    SELECT id, state, expiry FROM codes WHERE lookup = decode(lpad(to_hex(:number::bigint), 32, '0'), 'hex');
    UPDATE codes SET state = 'inUse', uses = COALESCE(uses, 0) + 1 WHERE id = :number AND state IN ('unused', 'inUse');
    INSERT INTO audit_log (sequence, time, action, subject, detail, previous, hash)
    VALUES (-nextval('measured'), 0, 'code.take', '0', '', decode(lpad('', 64, '5'), 'hex'), decode(lpad('', 64, '6'), 'hex'));
    COMMIT;

    """

  private static func redeem(_ count: Int, in database: some Database) async throws -> Duration {
    try await together(count) { number in
      try await database.write { try RedemptionBooks.redeem(number, in: $0) }
    }
  }

  /// Has all callers do so many operations between them, each its next one when its last one is answered.
  private static func together(
    _ count: Int, _ operation: @escaping @Sendable (_ number: Int) async throws -> Void
  ) async throws -> Duration {
    let numbers = Numbers()
    return try await ContinuousClock().measure {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<callers {
          group.addTask {
            while true {
              let number = numbers.next()
              guard number <= count else { return }
              // Far apart, as codes are that somebody chose by chance.
              try await operation(number * 7_919 % RedemptionBooks.codes)
            }
          }
        }
        try await group.waitForAll()
      }
    }
  }

  /// One after the other, each for one caller.
  private final class Numbers: Sendable {
    private let last = Mutex(0)

    func next() -> Int {
      last.withLock { last in
        last += 1
        return last
      }
    }
  }
}
