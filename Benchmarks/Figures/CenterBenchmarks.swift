import Foundation
import LicenseCenter
import PostgresRig

/// Redemptions by 256 callers at once, whose changes share commits: on SQLite beside the same statements with a
/// transaction and a commit each, on PostgreSQL beside pgbench, which makes the same changes over as many connections.
enum CenterBenchmarks {
  /// Connections of the references; the better count is the reference.
  private static let sqliteConnections = [1, 8]
  private static let pgbenchClients = [5, 16]

  static let all: [Benchmark] = [
    Benchmark(name: "centre: redemptions on SQLite") { plan in
      let sold = try await SoldCodes()
      let references = try sqliteConnections.map { try OneTransactionEach(path: sold.file, connections: $0) }
      defer { for reference in references { try? reference.close() } }
      let renew: @Sendable () throws -> Void = { try references[0].run(SoldCodes.renewal) }
      return [
        try await Comparison(plan: plan).figure(
          "redemptions, \(Callers.count) callers : one transaction each", goal: .ratio(3),
          ours: { count in try await redeem(count, of: sold, at: sold.center, after: renew) },
          references: references.map { reference in
            { count in try await redeem(count, of: sold, at: sold.center.over(reference), after: renew) }
          })
      ]
    },
    Benchmark(name: "centre: redemptions among 10 million codes") { plan in
      let (large, small) = (try await SoldCodes(isLarge: true), try await SoldCodes())
      let (largeFile, smallFile) = (
        try OneTransactionEach(path: large.file, connections: 1),
        try OneTransactionEach(path: small.file, connections: 1)
      )
      defer { for file in [largeFile, smallFile] { try? file.close() } }
      let rates = try await Comparison(plan: plan).figure(
        "a redemption among 10 million codes : \(SoldCodes.count)",
        ours: { count in try await redeem(count, of: large, at: large.center) { try largeFile.run(SoldCodes.renewal) }
        },
        references: [
          { count in try await redeem(count, of: small, at: small.center) { try smallFile.run(SoldCodes.renewal) } }
        ])
      return [rates.asTimes(goal: .ratioAtMost(1.5))]
    },
    Benchmark(name: "centre: redemptions over HTTP") { plan in
      let seconds = plan.httpSeconds
      let sold = try await SoldCodes(count: seconds * ServedCodes.mostPerSecond)
      let file = try OneTransactionEach(path: sold.file, connections: 1)
      defer { try? file.close() }
      let served = try await ServedCodes(sold)
      let figure = try await Comparison(plan: plan).figure(
        "redemptions over HTTP : an endpoint that does nothing", goal: .ratio(0.6),
        ours: { count in
          try file.run(SoldCodes.renewal)
          return try await served.ask(ServedCodes.redeeming, count: count, seconds: seconds)
        }, references: [{ count in try await served.ask(ServedCodes.nothing, count: count, seconds: seconds) }])
      await served.stop()
      return [figure]
    },
    Benchmark(name: "centre: redemptions on PostgreSQL") { plan in
      let server = try PrivatePostgres.start(isDurable: true)
      defer { server.stop() }
      let (ours, theirs) = (try server.makeDatabase(), try server.makeDatabase())
      let sold = try await SoldCodes(in: .server(try PostgreSQLAddress(server.url(of: ours))))
      try await SoldCodes(in: .server(try PostgreSQLAddress(server.url(of: theirs)))).center.close()
      for statement in PgbenchScript.preparation { try server.run(statement, in: theirs) }
      let renew: @Sendable (String) throws -> Void = { name in
        for statement in SoldCodes.renewal + ["VACUUM ANALYZE"] { try server.run(statement, in: name) }
      }
      return [
        try await Comparison(plan: plan).figure(
          "redemptions on PostgreSQL, \(Callers.count) callers : pgbench", goal: .ratio(0.6),
          ours: { count in try await redeem(count, of: sold, at: sold.center) { try renew(ours) } },
          references: pgbenchClients.map { clients in
            { count in
              try renew(theirs)
              return try server.benchmark(
                PgbenchScript.text(clients: clients), clients: clients, transactions: count, in: theirs,
                variables: ["turn": -1])
            }
          })
      ]
    },
  ]

  private static func redeem(
    _ count: Int, of sold: SoldCodes, at center: Center, after renew: () throws -> Void
  ) async throws -> Duration {
    try renew()
    return try await Callers.perform(count) { try await sold.redeem($0, at: center) }
  }
}

extension Figure {
  /// How long one operation takes, instead of how many there are in a second.
  fileprivate func asTimes(goal: Goal) -> Figure {
    Figure(
      name, .microseconds, ours: 1e6 / ours, reference: reference.map { 1e6 / $0 }, goal: goal, spread: spread)
  }
}
