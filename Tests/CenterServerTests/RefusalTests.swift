import CenterServer
import Foundation
import Identifiers
import Testing

@testable import LicenseCenter

/// Malformed, huge and unauthenticated requests: the right problem, and nothing has changed.
@Suite struct RefusalTests {
  private static let good = ClientRequest(
    method: "POST", target: "/v1/licenses", token: TestServer.tokens["counter"], key: TestServer.key(),
    body: #"{"card":"0102030405060708","softwareID":"S-00112233445566778899AABBCCDDEEFF","mediumID":"M-01"}"#)

  /// What is wrong, what is sent, and the problem that answers it.
  private struct Case {
    var name: String
    var octets: [UInt8]
    var kind: Problem.Kind
    var status: Int
    var finishes = false
  }

  private static func altered(_ change: (inout ClientRequest) -> Void) -> [UInt8] {
    var request = good
    change(&request)
    return Array(request.text.utf8)
  }

  private static let cases: [Case] = [
    Case(name: "no HTTP", octets: Array("\u{1}\u{2}\u{3} nonsense\r\n\r\n".utf8), kind: .malformed, status: 400),
    Case(name: "TLS", octets: [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3, 13, 10, 13, 10], kind: .malformed, status: 400),
    Case(name: "no host", octets: Array("GET /health HTTP/1.1\r\n\r\n".utf8), kind: .malformed, status: 400),
    Case(
      name: "length and chunks", octets: altered { $0.headers["Transfer-Encoding"] = "chunked" }, kind: .malformed,
      status: 400),
    Case(
      name: "two lengths", octets: altered { $0.headers["Content-Length"] = "5" }, kind: .malformed, status: 400),
    Case(
      name: "negative length",
      octets: Array("POST /v1/licenses HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n".utf8), kind: .malformed,
      status: 400),
    Case(
      name: "huge field", octets: altered { $0.headers["X-Long"] = String(repeating: "a", count: 1 << 18) },
      kind: .headerTooLarge, status: 431),
    Case(
      name: "many fields",
      octets: Array(
        ("GET /health HTTP/1.1\r\nHost: a\r\n" + (0..<5000).map { "X-\($0): 1\r\n" }.joined() + "\r\n").utf8),
      kind: .headerTooLarge, status: 431),
    Case(
      name: "huge target", octets: Array("GET /\(String(repeating: "a", count: 1 << 18)) HTTP/1.1\r\n\r\n".utf8),
      kind: .headerTooLarge, status: 431),
    Case(
      name: "huge body", octets: altered { $0.body = String(repeating: " ", count: 1 << 17) }, kind: .bodyTooLarge,
      status: 413),
    Case(
      name: "endless chunks",
      octets: altered {
        $0.body = nil
        $0.headers = ["Transfer-Encoding": "chunked", "Content-Type": "application/json"]
      } + (0..<40).flatMap { _ in Array("1000\r\n\(String(repeating: " ", count: 4096))\r\n".utf8) },
      kind: .bodyTooLarge, status: 413),
    Case(
      name: "broken chunk",
      octets: altered {
        $0.body = nil
        $0.headers = ["Transfer-Encoding": "chunked", "Content-Type": "application/json"]
      } + Array("zz\r\n".utf8), kind: .malformed, status: 400),
    Case(
      name: "half a body", octets: Array(altered { _ in }.dropLast(10)), kind: .malformed, status: 400, finishes: true),
    Case(
      name: "half a header", octets: Array("GET /health HT".utf8), kind: .malformed, status: 400, finishes: true),
    Case(name: "no JSON", octets: altered { $0.body = "{" }, kind: .invalid, status: 400),
    Case(
      name: "no UTF-8",
      octets: altered {
        $0.body = nil
        $0.headers = ["Content-Type": "application/json", "Content-Length": "4"]
      } + [0x22, 0xC3, 0x28, 0x22], kind: .invalid, status: 400),
    Case(
      name: "deep JSON", octets: altered { $0.body = String(repeating: "[", count: 30_000) }, kind: .invalid,
      status: 400),
    Case(name: "array", octets: altered { $0.body = "[]" }, kind: .invalid, status: 400),
    Case(
      name: "unknown member",
      octets: altered { $0.body = $0.body.map { $0.dropLast() + #","price":0}"# } }, kind: .invalid, status: 400),
    Case(
      name: "wrong type of a member", octets: altered { $0.body = #"{"card":1,"softwareID":2,"mediumID":[]}"# },
      kind: .invalid, status: 400),
    Case(
      name: "wrong media type",
      octets: Array(good.text.replacingOccurrences(of: "application/json", with: "text/plain").utf8), kind: .wrongType,
      status: 415),
    Case(name: "no key", octets: altered { $0.key = nil }, kind: .invalid, status: 400),
    Case(name: "short key", octets: altered { $0.key = "0123" }, kind: .invalid, status: 400),
    Case(name: "no token", octets: altered { $0.token = nil }, kind: .unauthenticated, status: 401),
    Case(name: "wrong token", octets: altered { $0.token = "x" }, kind: .unauthenticated, status: 401),
    Case(
      name: "no token, huge body",
      octets: altered {
        $0.token = nil
        $0.body = String(repeating: " ", count: 1 << 17)
      }, kind: .unauthenticated, status: 401),
    Case(
      name: "wrong role", octets: altered { $0.token = TestServer.tokens["auditor"] }, kind: .forbidden, status: 403),
    Case(
      name: "other's card", octets: altered { $0.token = TestServer.tokens["stranger"] }, kind: .forbidden, status: 403),
    Case(name: "unknown path", octets: altered { $0.target = "/v1/license" }, kind: .notFound, status: 404),
    Case(name: "slash", octets: altered { $0.target = "/v1/licenses/" }, kind: .notFound, status: 404),
    Case(name: "wrong method", octets: altered { $0.method = "DELETE" }, kind: .wrongMethod, status: 405),
    Case(name: "unknown query", octets: altered { $0.target += "?a=1" }, kind: .invalid, status: 400),
  ]

  @Test func everyBrokenRequestGetsItsProblemAndChangesNothing() async throws {
    try await TestServer.run { server in
      _ = try await server.issueCard()
      let state = try await server.state()
      for wrong in RefusalTests.cases {
        let answer = try await converse(with: server.port) { connection in
          connection.send(wrong.octets)
          if wrong.finishes { connection.finishSending() }
          return try connection.answer()
        }
        expectProblem(answer, wrong.kind, wrong.status, "\(wrong.name): \(answer.text)")
        if wrong.kind == .unauthenticated { #expect(answer.headers["www-authenticate"] != nil) }
        if wrong.kind == .wrongMethod { #expect(answer.headers["allow"] == "POST") }
      }
      #expect(try await server.state() == state)
      #expect(try await server.get("/health").status == 200)
    }
  }

  @Test func answersBeforeABrokenRequestStillCome() async throws {
    try await TestServer.run { server in
      let statuses = try await converse(with: server.port) { connection in
        let good = ClientRequest(target: "/health").text
        connection.send(good + good + good + "nonsense\r\n\r\n")
        return try (0..<4).map { _ in try connection.answer().status }
      }
      #expect(statuses == [200, 200, 200, 400])
    }
  }

  @Test func oneConnectionServesManyRequestsAndHEADHasNoBody() async throws {
    try await TestServer.run { server in
      try await converse(with: server.port) { connection in
        for _ in 0..<50 {
          connection.send(ClientRequest(target: "/health").text)
          #expect(try connection.answer().text == #"{"status":"ok"}"#)
        }
        connection.send(ClientRequest(method: "HEAD", target: "/health").text)
        let head = try connection.answer(isHead: true)
        #expect(head.status == 200 && head.headers["content-length"] == "15")
        connection.send(ClientRequest(target: "/health", headers: ["Connection": "close"]).text)
        let last = try connection.answer()
        #expect(last.status == 200 && last.headers["connection"] == "close" && connection.isClosed())
      }
    }
  }
}
