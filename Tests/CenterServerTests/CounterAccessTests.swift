import Foundation
import HTTPTypes
import Identifiers
import Testing

@testable import CenterServer
@testable import LicenseCenter

/// Who sees what of the books, and that nothing is lost between pages.
@Suite struct CounterAccessTests {
  private static let readers = ["counter", "holder", "auditor"]

  /// The paths of everything that can be read, with what is there in the places of their parameters.
  private func readable(_ server: TestServer, _ card: CardSerial) -> [(endpoint: Endpoint, target: String)] {
    let values = ["card": card.description, "account": "1", "webhook": "1"]
    return (CounterEndpoints.all(server.center) + [TitleEndpoints.all(server.center)[0]]).compactMap { endpoint in
      guard endpoint.method == .get, endpoint.operation != "getPayment" else { return nil }
      var target = endpoint.path
      for (name, value) in values { target = target.replacingOccurrences(of: "{\(name)}", with: value) }
      return target.contains("{") ? nil : (endpoint, target)
    }
  }

  /// A centre where every list has something in it.
  private func fill(_ server: TestServer) async throws -> CardSerial {
    let (older, card) = (try await server.issueCard(), try await server.issueCard())
    let own: JSON = .text(card.description)
    for _ in 0..<2 { _ = try await server.title() }
    let title = try await server.title()
    try await server.done("POST", "/v1/payback/introductions", ["card": own, "introducer": .text(older.description)])
    for kind in ["bulk", "bulk"] {
      try await server.done("POST", "/v1/payback/rules", ["kind": .text(kind), "reward": ["amount": .yen(5)]])
    }
    try await server.done("PUT", "/v1/cards/\(card)/payment-method", ["token": "simulated"])
    try await server.done("POST", "/v1/webhooks", ["url": "http://127.0.0.1:9/w"])
    try await server.done("POST", "/v1/webhooks", ["url": "http://127.0.0.1:9/v"])
    for number in 1...3 {
      _ = try await server.sheet(2, of: title, to: card)
      try await server.done(
        "POST", "/v1/refunds", ["card": own, "sheet": .integer(Int64(number)), "destination": "account"])
      try await server.done("POST", "/v1/notices", ["card": own, "text": "t"])
    }
    try await server.done("POST", "/v1/cards/\(card)/block")
    try await server.done("POST", "/v1/cards/\(older)/block")
    return card
  }

  @Test func onlyWhoMayReadsAndAuditorsReadOfNobody() async throws {
    try await TestServer.run { server in
      let card = try await fill(server)
      let all = readable(server, card)
      #expect(all.count > 15)
      for (endpoint, target) in all where endpoint.access != .anyone {
        guard case .roles(let roles) = endpoint.access else { continue }
        expectProblem(try await server.get(target), .unauthenticated, 401, "\(target)")
        for reader in CounterAccessTests.readers {
          let answer = try await server.get(target, as: reader)
          let may = roles.contains(try #require(Role(rawValue: reader)))
          #expect(answer.status == (may ? 200 : 403), "\(target) as \(reader): \(answer.text)")
          #expect(reader != "auditor" || !answer.text.contains("Suzuki"), "\(target)")
          let types = answer.headers["cache-control"]
          #expect(types == "no-store", "\(target)")
        }
        // Somebody else's card is somebody else's business.
        if roles.contains(.holder), target.contains(card.description) {
          expectProblem(try await server.get(target, as: "stranger"), .forbidden, 403, "\(target)")
        }
      }
      #expect(try await server.get("/v1/cards", as: "counter").text.contains("Suzuki"))
    }
  }

  /// Strangers change nothing, and nobody changes what is another office's.
  @Test func onlyWhoMayChanges() async throws {
    try await TestServer.run { server in
      let card = try await server.issueCard()
      let state = try await server.state()
      let values = [
        "card": card.description, "sheet": "1", "rule": "1", "charge": TestServer.key(), "payment": TestServer.key(),
        "notice": "1", "webhook": "1", "machine": "W-" + TestServer.key(),
      ]
      for endpoint in CounterEndpoints.all(server.center) where endpoint.wantsKey {
        var target = endpoint.path
        for (name, value) in values { target = target.replacingOccurrences(of: "{\(name)}", with: value) }
        guard case .roles(let roles) = endpoint.access else { continue }
        for role in Role.allCases where !roles.contains(role) && TestServer.tokens[role.rawValue] != nil {
          let answer = try await server.send(endpoint.method.rawValue, target, [:], as: role.rawValue)
          expectProblem(answer, .forbidden, 403, "\(target) as \(role)")
        }
        let unknown = ClientRequest(
          method: endpoint.method.rawValue, target: target, key: TestServer.key(),
          body: endpoint.body == nil ? nil : "{}")
        expectProblem(try await server.ask(unknown), .unauthenticated, 401, "\(target)")
      }
      let method = "/v1/cards/\(card)/payment-method"
      expectProblem(
        try await server.send("PUT", method, ["token": "simulated"], as: "stranger"), .forbidden, 403)
      expectProblem(try await server.send("DELETE", method, as: "stranger"), .forbidden, 403)
      // The counter appoints nobody to watch it.
      let auditor = try await server.send("PUT", "/v1/cards/\(card)/roles", ["roles": ["auditor"]])
      expectProblem(auditor, .invalid, 400)
      #expect(try await server.state() == state)
    }
  }

  @Test func pagesOfOneAreTheWholeList() async throws {
    try await TestServer.run { server in
      let card = try await fill(server)
      var longest = 0
      for (endpoint, target) in readable(server, card) where endpoint.parameters.contains(where: { $0.name == "limit" })
      {
        let reader = endpoint.operation == "fetchNotices" ? "holder" : "counter"
        let whole = try await server.read(target, as: reader)
        guard case .object(let members) = whole else { continue }
        let name = try #require(
          members.first { if case .array = $0.value { $0.key != "next" } else { false } }?.key)
        var (found, next): ([JSON], JSON?) = ([], nil)
        repeat {
          let after = next.map { "&after=\($0.textValue ?? "\($0.integerValue ?? -1)")" } ?? ""
          let page = try await server.read("\(target)?limit=1\(after)", as: reader)
          #expect(endpoint.operation == "listOfficeMessages" || page.list(name).count <= 1, "\(target)")
          found += page.list(name)
          next = page["next"]
        } while next != nil && found.count < 1000
        // A page of the whole list is at most a hundred.
        #expect(Array(found.prefix(whole.list(name).count)) == whole.list(name), "\(target)")
        #expect(whole["next"] != nil || found.count == whole.list(name).count, "\(target)")
        longest = max(longest, found.count)
        expectProblem(try await server.get("\(target)?limit=0", as: reader), .invalid, 400, "\(target)")
        expectProblem(try await server.get("\(target)?limit=101", as: reader), .invalid, 400, "\(target)")
      }
      #expect(longest > 20)
    }
  }
}
