import Formats
import Identifiers
import Testing

@testable import LicenseCenter

/// What redeeming asks of the database is found by an index, however many codes were sold and redeemed.
@Suite struct RedemptionPlanTests {
  @Test func noStatementReadsAWholeTable() async throws {
    let bench = try await RedemptionBench()
    try await bench.center.copyRights.permit(2, of: bench.title.softwareID)
    let log = StatementLog(bench.center.context.database)
    var context = bench.center.context
    context.database = log
    let (redemption, client) = (Redemption(context: context), RedeemingClient(address: "192.0.2.1"))
    func begin(_ code: RetrievalCode) async throws -> DownloadGrant? {
      let answer = try await redemption.begin(RedemptionRequest(code: code, key: bench.key(), client: client))
      guard case .granted(let grant) = answer else { return nil }
      return grant
    }
    let grant = try #require(try await begin(bench.codes[0]))
    _ = try await redemption.open(grant.ticket, range: 0..<grant.octets)
    _ = try await redemption.progress(grant.ticket)
    _ = try await redemption.acknowledge(grant.ticket, upTo: grant.octets)
    let right = try await CopyRights(context: context).set(grant.ticket, copies: 2)
    #expect(try await begin(right.code) != nil)
    #expect(try await begin(right.code) != nil)
    #expect(try await begin(right.code) == nil)
    #expect(try await begin(bench.codes[1]) != nil)
    #expect(try await SeatRecovery(context: context).recover(bench.codes[1]))
    let statements = Set(log.take())
    #expect(statements.count > 15)
    for sql in statements {
      let plan = try await bench.center.context.database.read { transaction in
        try transaction.run("EXPLAIN QUERY PLAN " + sql, [SQLValue](repeating: .null, count: 32))
          .map { try $0.text("detail") }
      }
      for step in plan where step.hasPrefix("SCAN") && !sql.contains("LIMIT 1") {
        // One row that is made up, in memory.
        #expect(step.contains("CONSTANT ROW") || step == "SCAN q" || step.hasPrefix("SCAN ("), "\(step) of \(sql)")
      }
    }
  }
}
