import CenterServer
import Cryptography
import Formats
import Foundation
import Identifiers
import TestSupport
import Testing

@testable import LicenseCenter

/// The same with the counter's work done before: cards, codes, money, notices, webhooks.
@Suite struct CounterSchemathesisTests {
  @Test func schemathesisFindsNoServerErrorAndNoUndocumentedAnswerAtTheCounter() async throws {
    let chance = Randomness("schemathesis at the counter")
    var options = ServingOptions.patient
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
      let known = try await things(server, card, titles[0])
      let document = try await server.read("/openapi.json")
      let file = server.folder.appending(path: "openapi.json")
      try Data(CounterSchemathesisTests.exemplified(document, by: known).encoded).write(to: file)
      try Data(configuration(known).utf8).write(to: server.folder.appending(path: "schemathesis.toml"))
      let outcome = try await Program.run(
        [
          "schemathesis", "run", "openapi.json", "--url", "http://127.0.0.1:\(server.port)", "--checks", "all",
          "--exclude-path-regex", SchemathesisTests.paths,
          "--header", "Authorization: Bearer \(TestServer.tokens["everybody"] ?? "")",
          "--max-examples", String(chance.soak(10, full: 1000)), "--seed", String(chance.seed & 0xFFFF_FFFF),
          "--request-timeout", "600",
          "--continue-on-failure", "--suppress-health-check", "all", "--no-color", "--generation-database", "none",
        ], in: server.folder)
      let operations = CounterSchemathesisTests.operations(in: document)
      #expect(
        outcome.status == 0 && outcome.output.contains("Tested: \(operations)"), "\(operations): \(outcome.output)")
      #expect(!server.log.all.contains { $0.contains("request failed") })
      _ = try await server.center.verify()
    }
  }

  /// What there is in the places of parameters and members: ids that nobody could guess.
  private func things(_ server: TestServer, _ card: CardSerial, _ title: TitleRecord) async throws -> [String: JSON] {
    let own: JSON = .text(card.description)
    try await server.done("PUT", "/v1/cards/\(card)/payment-method", ["token": "simulated"])
    let sheet = try await server.sheet(3, of: title, to: card)
    try await server.done("POST", "/v1/payback/rules", ["kind": "points", "reward": ["pointFor": .yen(100)]])
    try await server.done("POST", "/v1/webhooks", ["url": "http://127.0.0.1:9/w"])
    try await server.done("POST", "/v1/notices", ["card": own, "text": "t"])
    let machine = "W-" + TestServer.key()
    try await server.done(
      "POST", "/v1/clients",
      [
        "machine": .text(machine), "name": "Kiosk", "roles": ["machine"],
        "key": .text(Data(try SigningKey(random: server.random).publicKey).base64EncodedString()),
      ])
    let payment = try await server.read("/v1/cards/\(card)/payments").list("payments").first?["payment"]
    return [
      "card": own, "softwareID": .text(title.softwareID.description), "machine": .text(machine), "sheet": 1, "rule": 1,
      "webhook": 1, "notice": 1, "account": 1, "payment": try #require(payment), "code": sheet.list("codes")[0],
      "currency": "JPY", "token": "simulated",
    ]
  }

  /// The document with what there is as examples.
  private static func exemplified(_ value: JSON, by known: [String: JSON]) -> JSON {
    switch value {
    case .array(let elements): return .array(elements.map { exemplified($0, by: known) })
    case .object(var members):
      for (name, member) in members { members[name] = exemplified(member, by: known) }
      if case .object(var properties) = members["properties"] {
        for (name, property) in properties {
          guard case .object(var schema) = property, schema["type"] != "object", let example = known[name] else {
            continue
          }
          schema["examples"] = [example]
          properties[name] = .object(schema)
        }
        members["properties"] = .object(properties)
      }
      if let name = members["name"]?.textValue, members["in"] != nil, let example = known[name] {
        members["example"] = example
      }
      return .object(members)
    default: return value
    }
  }

  private static func operations(in document: JSON) -> Int {
    guard case .object(let paths) = document["paths"] else { return 0 }
    return paths.reduce(0) { count, path in
      let isElsewhere = path.key.range(of: SchemathesisTests.paths, options: .regularExpression) != nil
      guard !isElsewhere, case .object(let methods) = path.value else { return count }
      return count + methods.count
    }
  }

  /// A key that was used before with something else is 422, which schemathesis does not know of.
  private func configuration(_ known: [String: JSON]) -> String {
    let values = ["card", "machine", "payment"].compactMap { name in
      known[name]?.textValue.map { "\"path.\(name)\" = \"\($0)\"" }
    }
    return """
      [checks]
      positive_data_acceptance.expected-statuses = ["2xx", "401", "402", "403", "404", "409", "416", "422", "429"]

      [parameters]
      \(values.joined(separator: "\n"))
      """
  }
}
