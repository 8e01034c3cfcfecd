import CenterServer
import Formats
import Foundation
import Identifiers
import TestSupport
import Testing

@testable import LicenseCenter

/// Somebody else's program reads the document and tries what it says, and what it does not say.
@Suite struct SchemathesisTests {
  @Test func schemathesisFindsNoServerErrorAndNoUndocumentedAnswer() async throws {
    let chance = Randomness("schemathesis")
    var options = ServingOptions()
    options.limits.requestsPerSecond = 1e9
    options.limits.burst = 1e9
    try await TestServer.run(options) { server in
      let card = try await server.issueCard()
      let titles = [try await server.title(), try await server.title(.conversion)]
      for title in titles {
        let body: JSON = [
          "card": .text(card.description), "softwareID": .text(title.softwareID.description), "mediumID": "M-01",
        ]
        #expect(try await server.post("/v1/licenses", body, as: "holder").status == 200)
      }
      try Data(configuration(card).utf8).write(to: server.folder.appending(path: "schemathesis.toml"))
      let outcome = try await Program.run(
        [
          "schemathesis", "run", "http://127.0.0.1:\(server.port)/openapi.json", "--checks", "all",
          "--header", "Authorization: Bearer \(TestServer.tokens["everybody"] ?? "")",
          "--max-examples", String(chance.soak(15, full: 1000)), "--seed", String(chance.seed & 0xFFFF_FFFF),
          "--continue-on-failure", "--suppress-health-check", "all", "--no-color", "--generation-database", "none",
        ], in: server.folder)
      #expect(outcome.status == 0 && outcome.output.contains("Tested: 13"), "\(outcome.output)")
      #expect(!server.log.all.contains { $0.contains("request failed") })
      _ = try await server.center.verify()
    }
  }

  /// A key that was used before with something else is 422, which schemathesis does not know of; and nobody guesses the
  /// serial of a card that has licences to list.
  private func configuration(_ card: CardSerial) -> String {
    """
    [checks]
    positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "422", "429"]

    [[operations]]
    include-operation-id = "listLicenses"
    parameters = { "path.card" = "\(card)" }

    [[operations]]
    include-operation-id = "listLicenseRequests"
    parameters = { "path.card" = "\(card)" }
    """
  }
}
