import CenterServer
import Formats
import Foundation
import Testing

@testable import LicenseCenter

/// Codes that somebody redeems who logged in: attempts are counted for who it is, and not for where it is.
@Suite struct KnownRedeemerTests {
  private func redeem(
    _ server: TestServer, _ code: RetrievalCode, as name: String?, key: String = TestServer.key()
  ) async throws -> RawAnswer {
    try await server.post("/v1/redemptions", ["code": .text(code.text)], as: name, key: key)
  }

  @Test func whoeverLoggedInIsLimitedByItsOwnFailuresAlone() async throws {
    try await TestServer.run(keepsAnswers: true) { server in
      let wares = try await server.wares(codes: 3)
      var statuses: [Int] = []
      for _ in 0..<12 {
        statuses.append(try await redeem(server, RetrievalCode(from: server.random), as: "holder").status)
      }
      #expect(statuses == [Int](repeating: 422, count: 10) + [429, 429])
      // None of its codes is looked at now.
      let waiting = try await redeem(server, wares.codes[0], as: "holder")
      expectProblem(waiting, .tooMany, 429)
      #expect(waiting.headers["retry-after"].flatMap { Int($0) }.map((1...60).contains) == true)
      #expect(try await server.state(of: wares.codes[0]) == .unused)
      // Nobody else waits: not who has another name, nor who has none and the same address.
      #expect(try await redeem(server, wares.codes[1], as: "counter").status == 201)
      for _ in 0..<30 {
        #expect(try await redeem(server, RetrievalCode(from: server.random), as: nil).status == 422)
      }
      #expect(try await redeem(server, RetrievalCode(from: server.random), as: nil).status == 429)
      #expect(try await redeem(server, wares.codes[2], as: nil).status == 201)
      server.clock.advance(by: 60)
      #expect(try await redeem(server, wares.codes[0], as: "holder").status == 201)
    }
  }

  @Test func aTokenThatIsNotGoodIsRefusedBeforeTheCodeIsLookedAt() async throws {
    try await TestServer.run(keepsAnswers: true) { server in
      let wares = try await server.wares(codes: 1)
      let contents = try await server.contents()
      let body = #"{"code":"\#(wares.codes[0].text)"}"#
      for credential in ["Bearer x", "Bearer wat_\(String(repeating: "0", count: 64))", "Bearer", "Basic YTpi", ""] {
        let answer = try await server.ask(
          ClientRequest(
            method: "POST", target: "/v1/redemptions", key: TestServer.key(), body: body,
            headers: ["Authorization": credential]))
        expectProblem(answer, .unauthenticated, 401, "\(credential)")
        #expect(answer.headers["www-authenticate"] == #"Bearer realm="warifu""#)
      }
      #expect(try await server.contents() == contents)
    }
  }

  /// A token that was asked for with one title says who it is; what the code buys is the code's business.
  @Test func aTokenForOneTitleSaysWhoRedeems() async throws {
    try await TestServer.run(keepsAnswers: true) { server in
      let wares = try await server.wares(codes: 1)
      let machine = try await LoginMachine.registered(server)
      let token = try await machine.token(server, for: try await server.title().softwareID)
      func ask(_ code: RetrievalCode, key: String = TestServer.key()) async throws -> RawAnswer {
        try await server.ask(
          ClientRequest(
            method: "POST", target: "/v1/redemptions", token: token, key: key, body: #"{"code":"\#(code.text)"}"#))
      }
      let key = TestServer.key()
      let first = try await ask(wares.codes[0], key: key)
      #expect(first.status == 201, "\(first.text)")
      #expect(try await ask(wares.codes[0], key: key).body == first.body)
      // Whose token is over gets the same download without one.
      let nobody = try await redeem(server, wares.codes[0], as: nil, key: key)
      #expect(nobody.status == 201 && nobody.string("ticket") == first.string("ticket"))
      for _ in 0..<10 { _ = try await ask(RetrievalCode(from: server.random)) }
      expectProblem(try await ask(RetrievalCode(from: server.random)), .tooMany, 429)
    }
  }

  @Test func theDocumentSaysThatATokenMayBeSent() async throws {
    try await TestServer.run { server in
      let document = try await server.get("/openapi.json").json
      let operation = document?["paths"]?["/v1/redemptions"]?["post"]
      #expect(operation?["security"] == [[:], ["token": []]])
      #expect(operation?["responses"]?["401"] != nil && operation?["responses"]?["403"] == nil)
    }
  }
}
