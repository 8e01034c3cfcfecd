import Cryptography
import Formats
import Foundation
import HTTPTypes
import Identifiers
import Synchronization
import Testing

@testable import CenterServer
@testable import LicenseCenter

@Suite struct LicenseEndpointTests {
  private func body(_ card: CardSerial, _ title: TitleRecord, medium: String = "M-0102030405") -> JSON {
    [
      "card": .text(card.description), "softwareID": .text(title.softwareID.description), "mediumID": .text(medium),
    ]
  }

  private func balance(_ server: TestServer, _ card: CardSerial) async throws -> Int64 {
    try await server.center.ledger.balance(of: .holder(card), in: .yen).minorUnits
  }

  @Test func M4_M5_licenceOverHTTPIsBilledOnceAndVerifies() async throws {
    try await TestServer.run { server in
      let (card, title) = (try await server.issueCard(), try await server.title())
      let key = TestServer.key()
      let first = try await server.post("/v1/licenses", body(card, title), as: "holder", key: key)
      #expect(first.status == 200, "\(first.text)")
      let again = try await server.post("/v1/licenses", body(card, title), as: "holder", key: key)
      #expect(again.body == first.body && again.status == first.status)
      #expect(try await balance(server, card) == -300)
      guard case .text(let record) = first.json?["record"], let octets = Data(base64Encoded: record) else {
        Issue.record("no record")
        return
      }
      let license = try CopyLicense.open(Array(octets).span.bytes, under: try server.center.facts.licenseKey)
      #expect(license.softwareID == title.softwareID && license.mediumID == MediumID("M-0102030405"))
      let requests = try await server.center.copyLicenses.requests(of: card)
      #expect(requests.map(\.operationID) == [OperationID(key)])
      let listed = try await server.get("/v1/cards/\(card)/licenses", as: "holder")
      #expect(listed.json == ["licenses": .array([try #require(first.json)])])
      let saved = try await server.get("/v1/cards/\(card)/license-requests", as: "auditor")
      #expect(saved.json?["requests"] != .array([]) && saved.status == 200)
    }
  }

  /// The server is killed after the licence is given and before its answer is kept.
  @Test func keyRepeatedAfterACrashGetsTheSameAnswer() async throws {
    try await TestServer.run { server in
      let (card, title) = (try await server.issueCard(), try await server.title())
      let key = TestServer.key()
      server.answers.forgets.withLock { $0 = true }
      let first = try await server.post("/v1/licenses", body(card, title), as: "holder", key: key)
      server.answers.forgets.withLock { $0 = false }
      let again = try await server.post("/v1/licenses", body(card, title), as: "holder", key: key)
      #expect(first.status == 200 && again.body == first.body && again.status == 200)
      #expect(try await balance(server, card) == -300)
    }
  }

  /// Whatever a service would do when it is asked again: it is not asked.
  @Test func keptAnswerIsGivenWithoutAskingAgain() async throws {
    let served = Mutexed<Int64>()
    let endpoint = Endpoint(
      .post, "/v1/count", "count", "Counts.", access: .roles([.counter]), body: .anything,
      answer: .json(.anything, "How often.")
    ) { _ in
      served.set((served.value ?? 0) + 1)
      return .json(["served": .integer(served.value ?? 0)])
    }
    try await TestServer.run(further: [endpoint]) { server in
      let key = TestServer.key()
      for _ in 0..<3 {
        #expect(try await server.post("/v1/count", [:], as: "counter", key: key).json == ["served": 1])
      }
      expectProblem(try await server.post("/v1/count", ["a": 1], as: "counter", key: key), .keyReused, 422)
      #expect(try await server.post("/v1/count", [:], as: "counter").json == ["served": 2])
      #expect(served.value == 2)
    }
  }

  /// What the centre refuses stays refused under its key; what may go better next time is tried again.
  @Test func onlyWhatStaysTheSameIsKept() async throws {
    let (refused, failed) = (Mutexed<Int>(), Mutexed<Int>())
    func endpoint(_ name: String, _ counter: Mutexed<Int>, _ code: CenterError.Code) -> Endpoint {
      Endpoint(
        .post, "/v1/\(name)", name, "Fails once.", access: .roles([.counter]), answer: .json(.anything, "How often.")
      ) { _ in
        counter.set((counter.value ?? 0) + 1)
        guard counter.value != 1 else { throw CenterError(code, "Trying", remedy: "See.") }
        return .json(["served": .integer(Int64(counter.value ?? 0))])
      }
    }
    let busy = Mutexed<Int>()
    let all = [
      endpoint("refused", refused, .conflict), endpoint("failed", failed, .storage),
      endpoint("busy", busy, .tooManyAttempts(retryAfter: 7)),
    ]
    try await TestServer.run(further: all) { server in
      for (name, statuses) in [("refused", [409, 409]), ("failed", [503, 200]), ("busy", [429, 200])] {
        let key = TestServer.key()
        var found: [Int] = []
        for _ in 0..<2 { found.append(try await server.post("/v1/\(name)", [:], as: "counter", key: key).status) }
        #expect(found == statuses, "\(name)")
      }
    }
    #expect([refused, failed, busy].map(\.value) == [1, 2, 2])
  }

  /// A request is told from every other one of the same key: by its method, its target and its body, each whole.
  @Test func everyPartOfARequestTellsItFromOthers() throws {
    let key = try #require(OperationID(octets: [UInt8](repeating: 1, count: 16)))
    let requests = [
      ("POST", "/v1/a", "1"), ("PUT", "/v1/a", "1"), ("POST", "/v1/b", "1"), ("POST", "/v1/a", "2"),
      ("POST", "/v1/a1", ""), ("POST", "/v1/", "a1"), ("POST/", "v1/a", "1"), ("", "POST/v1/a", "1"),
    ].map { KeyedRequest(scope: "s", key: key, method: $0.0, target: $0.1, body: Array($0.2.utf8)).digest }
    #expect(Set(requests).count == requests.count)
  }

  @Test func keyWithAnotherRequestIs422() async throws {
    try await TestServer.run { server in
      let (card, title) = (try await server.issueCard(), try await server.title())
      let key = TestServer.key()
      #expect(try await server.post("/v1/licenses", body(card, title), as: "holder", key: key).status == 200)
      let state = try await server.state()
      let other = try await server.post("/v1/licenses", body(card, title, medium: "M-09"), as: "holder", key: key)
      expectProblem(other, .keyReused, 422)
      #expect(try await server.state() == state)
      // The same key of another caller is another key; the operation is not, and the centre says so.
      let counter = try await server.post("/v1/licenses", body(card, title, medium: "M-09"), as: "counter", key: key)
      expectProblem(counter, .keyReused, 422)
    }
  }

  @Test func M11_unknownTitleGetsNoKeyAndNoBillButIsOnRecord() async throws {
    try await TestServer.run { server in
      let (card, title) = (try await server.issueCard(), try await server.title(.conversion))
      var unknown = body(card, title)
      if case .object(var members) = unknown {
        members["softwareID"] = "S-00112233445566778899AABBCCDDEEFF"
        unknown = .object(members)
      }
      let key = TestServer.key()
      let answer = try await server.post("/v1/licenses", unknown, as: "holder", key: key)
      #expect(answer.status == 404 && answer.headers["content-type"] == "application/problem+json")
      let again = try await server.post("/v1/licenses", unknown, as: "holder", key: key)
      #expect(again.body == answer.body && again.status == 404)
      #expect(try await balance(server, card) == 0)
      #expect(try await server.center.copyLicenses.requests(of: card).count == 1)
    }
  }

  @Test func M12_licenceByConversionKeysOverHTTP() async throws {
    try await TestServer.run { server in
      let (card, title) = (try await server.issueCard(), try await server.title(.conversion))
      let answer = try await server.post("/v1/licenses", body(card, title), as: "counter")
      #expect(answer.status == 200 && answer.json?["profile"] == "conversion")
      #expect(try await server.center.conversionLicenses.licenses(of: card).count == 1)
      #expect(try await balance(server, card) == -300)
    }
  }

  @Test func centreCertificatesAndTitlesAreEverybodys() async throws {
    try await TestServer.run { server in
      let facts = server.center.facts
      let answer = try await server.get("/v1/center")
      #expect(answer.json?["center"] == .text(facts.centerID.description))
      #expect(try await server.get("/v1/center/certificates/authority").body == facts.authorityCertificate)
      #expect(try await server.get("/v1/center/certificates/licenses").body == facts.licenseCertificate)
      expectProblem(try await server.get("/v1/center/certificates/root"), .invalid, 400)
      var ids: [String] = []
      for _ in 0..<5 { ids.append(try await server.title().softwareID.description) }
      var (pages, target): ([JSON], String?) = ([], "/v1/titles?limit=2")
      while let next = target {
        let page = try #require(try await server.get(next).json)
        pages.append(page)
        target = if case .text(let last) = page["next"] { "/v1/titles?limit=2&after=\(last)" } else { nil }
      }
      let found = pages.flatMap { page -> [JSON] in
        if case .array(let titles) = page["titles"] { titles.compactMap { $0["softwareID"] } } else { [] }
      }
      #expect(pages.count == 3 && found == ids.sorted().map(JSON.text))
      let one = try await server.get("/v1/titles/\(ids[0])")
      #expect(one.json?["price"] == ["minorUnits": 300, "currency": "JPY"])
      expectProblem(try await server.get("/v1/titles/S-00112233445566778899AABBCCDDEEFF"), .notFound, 404)
    }
  }
}
