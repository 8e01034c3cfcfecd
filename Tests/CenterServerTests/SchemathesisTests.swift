import CenterServer
import ChallengeAccess
import Cryptography
import Formats
import Foundation
import Identifiers
import TestSupport
import Testing

@testable import LicenseCenter

/// Somebody else's program reads the document and tries what it says, and what it does not say: what can be done without a
/// card at hand or the counter's work before it.
@Suite struct SchemathesisTests {
  /// The paths that are tried here; ``CounterSchemathesisTests`` tries the others.
  static let paths =
    "^/(health|ready|metrics|v1/(center|titles|login|licenses|redemptions|copy-rights|publications))(/|$)"

  @Test func schemathesisFindsNoServerErrorAndNoUndocumentedAnswer() async throws {
    let chance = Randomness("schemathesis")
    var options = ServingOptions.patient
    options.limits.requestsPerSecond = 1e9
    options.limits.burst = 1e9
    try await TestServer.run(options, keepsAnswers: true) { server in
      let wares = try await server.wares(codes: 60)
      let card = try #require(server.holder)
      let titles = [wares.title, try await server.title(.conversion)]
      for title in titles {
        let body: JSON = [
          "card": .text(card.description), "softwareID": .text(title.softwareID.description), "mediumID": "M-01",
        ]
        #expect(try await server.post("/v1/licenses", body, as: "holder").status == 200)
      }
      try await server.center.copyRights.permit(2, of: wares.title.softwareID)
      let configuration = try await configuration(server, wares, card)
      try Data(configuration.utf8).write(to: server.folder.appending(path: "schemathesis.toml"))
      let hooks = try await hooks(server, wares)
      try Data(hooks.utf8).write(to: server.folder.appending(path: "hooks.py"))
      let operations = try await operations(server)
      let before = server.log.all.count
      let outcome = try await Program.run(
        [
          "env", "SCHEMATHESIS_HOOKS=hooks", "PYTHONDONTWRITEBYTECODE=1", "schemathesis", "run",
          "http://127.0.0.1:\(server.port)/openapi.json", "--checks", "all", "--include-path-regex",
          SchemathesisTests.paths,
          "--max-examples", String(chance.soak(15, full: 1000)), "--seed", String(chance.seed & 0xFFFF_FFFF),
          "--request-timeout", "600",
          "--continue-on-failure", "--suppress-health-check", "all", "--no-color", "--generation-database", "none",
        ], in: server.folder)
      #expect(outcome.status == 0 && outcome.output.contains("Tested: \(operations.count)"), "\(outcome.output)")
      #expect(!server.log.all.contains { $0.contains("request failed") })
      // Each operation was done, and not only refused.
      var done: Set<String> = []
      for line in server.log.all.dropFirst(before) {
        guard let entry = JSON(parsing: Array(line.utf8)), case .text(let name) = entry["operation"],
          case .integer(let status) = entry["status"], (200...299).contains(status)
        else { continue }
        done.insert(name)
      }
      #expect(operations.subtracting(done).isEmpty, "never done: \(operations.subtracting(done).sorted())")
      _ = try await server.center.verify()
    }
  }

  /// Every operation that is tried here.
  private func operations(_ server: TestServer) async throws -> Set<String> {
    guard case .object(let paths) = try await server.get("/openapi.json").json?["paths"] else { return [] }
    var operations: Set<String> = []
    for (path, methods) in paths where path.range(of: SchemathesisTests.paths, options: .regularExpression) != nil {
      guard case .object(let methods) = methods else { continue }
      for case .text(let name) in methods.values.compactMap({ $0["operationId"] }) { operations.insert(name) }
    }
    return operations
  }

  /// Tokens and tickets; and what nobody guesses: the serial of a card that has licences to list, a title, a file. A key
  /// that was used before with something else is 422, which schemathesis does not know of.
  private func configuration(_ server: TestServer, _ wares: Wares, _ card: CardSerial) async throws -> String {
    var tickets: [String] = []
    for code in wares.codes[0..<4] { tickets.append(try await server.ticket(code)) }
    _ = try await server.finish(tickets[3], wares.title)
    let ticketed = [
      "getRedemption": tickets[0], "acknowledgeOctets": tickets[0], "giveUpRedemption": tickets[1],
      "downloadTitle": tickets[2], "setCopyRight": tickets[3],
    ]
    let title = wares.title.softwareID.description
    let parameters = [
      "listLicenses": #""path.card" = "\#(card)""#, "listLicenseRequests": #""path.card" = "\#(card)""#,
      "getTitle": #""path.softwareID" = "\#(title)""#, "getPublication": #""path.softwareID" = "\#(title)""#,
      "permitCopies": #""path.softwareID" = "\#(title)""#, "getPublishedFile": #""path.number" = 1"#,
    ]
    let operations =
      ticketed.map { "include-operation-id = \"\($0.key)\"\nheaders = { Authorization = \"Ticket \($0.value)\" }" }
      + parameters.map { "include-operation-id = \"\($0.key)\"\nparameters = { \($0.value) }" }
    return """
      headers = { Authorization = "Bearer \(TestServer.tokens["everybody"] ?? "")" }

      [checks]
      positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "416", "422", "429"]

      """ + operations.map { "\n[[operations]]\n\($0)\n" }.joined()
  }

  /// Bodies that nobody guesses, in place of every other one that is well-formed: codes that are good, a request for a
  /// challenge, the answer to one.
  private func hooks(_ server: TestServer, _ wares: Wares) async throws -> String {
    let machine = try await LoginMachine.registered(server)
    let request = try machine.request(server).encoded
    let recoveries = wares.codes[40..<50].map { code -> JSON in ["code": .text(code.text), "seat": 0] }
    let license: JSON = [
      "card": .text(try #require(server.holder).description),
      "softwareID": .text(wares.title.softwareID.description), "mediumID": "M-02",
    ]
    let bodies: [String: JSON] = [
      "requestChallenge": [["request": .text(Data(request).base64EncodedString())]],
      "getToken": [try await machine.answer(server)],
      "redeemCode": codes(wares.codes[4..<20]), "provideOffLine": codes(wares.codes[20..<30]),
      "retireCode": codes(wares.codes[30..<40]), "listSeats": codes(wares.codes[0..<4]),
      "recoverSeat": .array(recoveries), "acknowledgeOctets": [["octets": 0]], "setCopyRight": [["copies": 2]],
      "requestLicense": [license],
    ]
    let text = String(decoding: JSON.object(bodies).encoded, as: UTF8.self)
    return """
      import json
      import schemathesis

      BODIES = json.loads('\(text)')
      calls = {}


      @schemathesis.hook
      def before_call(context, case, kwargs):
          name = case.operation.definition.raw.get("operationId")
          bodies = BODIES.get(name)
          meta = getattr(case, "meta", None)
          if not bodies or not isinstance(case.body, dict) or meta is None or not meta.generation.mode.is_positive:
              return
          calls[name] = calls.get(name, 0) + 1
          if calls[name] % 2:
              case.body = bodies[calls[name] // 2 % len(bodies)]
      """
  }

  private func codes(_ codes: some Sequence<RetrievalCode>) -> JSON {
    .array(codes.map { ["code": .text($0.text)] })
  }
}
