import CenterServer
import Foundation
import Identifiers
import Testing

@testable import LicenseCenter

/// Figures that an operator watches.
@Suite struct CounterMetricsTests {
  private func figures(_ server: TestServer) async throws -> [String: Double] {
    let text = try await server.get("/metrics", as: "auditor").text
    let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    return Dictionary(
      uniqueKeysWithValues: lines.compactMap { line in
        guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else {
          return nil
        }
        return (String(line[..<space]), value)
      })
  }

  @Test func whatIsDoneWaitsAndFailsIsCounted() async throws {
    try await TestServer.run { server in
      let before = try await figures(server)
      #expect(before[#"warifu_changes_total{action="redeem.finish"}"#] == 0)
      #expect(before["warifu_database_up"] == 1 && before["warifu_webhook_messages_waiting"] == 0)
      #expect(try #require(before["warifu_certificates_end_seconds"]) > 86_400)
      let (card, title) = (try await server.issueCard(), try await server.title())
      for _ in 0..<3 { _ = try await server.sheet(1, of: title, to: card) }
      let denied = try await server.send(
        "POST", "/v1/codes/sheets",
        TestServer.sheetOrder(1, of: title, to: try #require(CardSerial("0102030405060708"))))
      expectProblem(denied, .notFound, 404)
      // Nobody listens there.
      try await server.done("POST", "/v1/webhooks", ["url": "http://127.0.0.1:9/w"])
      _ = try await server.title()
      let bill = Bill(reference: "test:1", holder: card, amount: title.price)
      try await server.done("PUT", "/v1/cards/\(card)/payment-method", ["token": "simulated"])
      try await server.center.payments.authorise(bill)
      var after = try await figures(server)
      // Perhaps the webhook's failure is being noted at this very moment.
      for _ in 0..<3000 where after[#"warifu_database_waiting{access="write"}"#] != 0 {
        try await Task.sleep(for: .milliseconds(20))
        after = try await figures(server)
      }
      #expect(after[#"warifu_changes_total{action="sheet.sell"}"#] == 3)
      #expect(after[#"warifu_changes_total{action="card.issue"}"#] == 1)
      #expect(after[#"warifu_http_problems_total{kind="not-found"}"#] == 1)
      #expect(try #require(after["warifu_webhook_messages_waiting"]) >= 1)
      #expect(after["warifu_payments_under_way"] == 1 && after["warifu_open_charges"] == 0)
      #expect(try #require(after[#"warifu_database_seconds_count{access="write"}"#]) >= 4)
      #expect(try #require(after[#"warifu_database_seconds_bucket{access="write",le="+Inf"}"#]) >= 4)
      #expect(after[#"warifu_database_waiting{access="write"}"#] == 0)
      let again = try await figures(server)
      #expect(again[#"warifu_changes_total{action="sheet.sell"}"#] == 3)
      try server.center.close()
      var down = try await figures(server)
      #expect(down["warifu_database_up"] == 0)
      // The server hears late of a connection that is closed.
      for _ in 0..<600 where down["warifu_http_connections"] != 1 {
        try await Task.sleep(for: .milliseconds(100))
        down = try await figures(server)
      }
      #expect(down["warifu_http_connections"] == 1)
    }
  }
}
