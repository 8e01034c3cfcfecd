import CenterServer
import Foundation
import HTTPTypes
import Identifiers
import Testing

@testable import LicenseCenter

/// The document says what is served, and what is served is as the document says.
@Suite struct DocumentTests {
  private func document(_ server: TestServer) async throws -> JSON {
    try #require(try await server.get("/openapi.json").json)
  }

  private func members(_ value: JSON?) -> [String: JSON] {
    guard case .object(let members) = value else { return [:] }
    return members
  }

  @Test func everyReferenceLeadsSomewhereAndEveryOperationHasAName() async throws {
    try await TestServer.run { server in
      let document = try await document(server)
      let schemas = members(document["components"]?["schemas"])
      var references: Set<String> = []
      func collect(_ value: JSON) {
        switch value {
        case .object(let members):
          if case .text(let reference) = members["$ref"] { references.insert(reference) }
          members.values.forEach(collect)
        case .array(let elements): elements.forEach(collect)
        default: break
        }
      }
      collect(document)
      #expect(references.count > 5)
      #expect(references == Set(schemas.keys.map { "#/components/schemas/\($0)" }))
      let operations = members(document["paths"]).values.flatMap { members($0).values }
      let names = operations.compactMap { $0["operationId"] }
      #expect(names.count == operations.count && Set(names).count == names.count && names.count > 8)
      for operation in operations {
        #expect(members(operation["responses"]).keys.contains("500"))
        #expect(operation["x-roles"] == nil || members(operation["responses"]).keys.contains("401"))
      }
    }
  }

  /// Who asks for the document, or for what a monitor asks for, needs no token; figures are not everybody's.
  @Test func healthReadinessAndFigures() async throws {
    try await TestServer.run { server in
      #expect(try await server.get("/health").json == ["status": "ok"])
      #expect(try await server.get("/ready").json == ["status": "ok"])
      expectProblem(try await server.get("/metrics"), .unauthenticated, 401)
      expectProblem(try await server.get("/metrics", as: "holder"), .forbidden, 403)
      _ = try await server.get("/nowhere")
      let figures = try await server.get("/metrics", as: "auditor")
      #expect(figures.headers["content-type"] == "text/plain; version=0.0.4")
      let lines = Set(figures.text.split(separator: "\n").map(String.init))
      #expect(lines.contains(#"warifu_http_requests_total{method="GET",operation="getHealth",status="200"} 1"#))
      #expect(lines.contains(#"warifu_http_requests_total{method="GET",operation="none",status="404"} 1"#))
      #expect(lines.contains(#"warifu_http_request_seconds_bucket{le="+Inf",operation="getReadiness"} 1"#))
      #expect(lines.contains(#"warifu_http_problems_total{kind="not-found"} 1"#))
      #expect(lines.contains("# TYPE warifu_http_connections gauge"))
      try server.center.close()
      expectProblem(try await server.get("/ready"), .unavailable, 503)
    }
  }

  /// A token that the operator hands out is long enough to be random, or nobody's.
  @Test func aTokenThatCanBeGuessedIsNobodys() {
    let monitor = Identity(name: "monitor", roles: [.auditor])
    for (count, isKnown) in [(0, false), (1, false), (31, false), (32, true), (100, true)] {
      let token = (0..<count).map { UInt8($0) }
      let tokens = FixedTokens([(token, monitor)])
      #expect(tokens.identity(bearing: token) == (isKnown ? monitor : nil), "\(count) octets")
      #expect(tokens.identity(bearing: token + [0]) == nil && tokens.identity(bearing: []) == nil)
    }
  }

  /// An error that nobody foresaw may say anything: neither the answer nor the log repeats it.
  @Test func whatNobodyForesawIsToldToNobody() async throws {
    struct Unforeseen: Error, CustomStringConvertible { var description: String }
    let broken = Endpoint(
      .get, "/broken", "getBroken", "Fails.", access: .anyone, answer: .json(.anything, "Nothing.")
    ) { _ in throw Unforeseen(description: "the code is 7K3M-9QWX") }
    try await TestServer.run(further: [broken]) { server in
      let answer = try await server.get("/broken")
      expectProblem(answer, .failed, 500)
      #expect(!answer.text.contains("7K3M"))
      let lines = server.log.all.filter { $0.contains(answer.headers["request-id"] ?? "?") }
      #expect(lines.contains { $0.contains("request failed") && $0.contains("Unforeseen") })
      #expect(!server.log.all.contains { $0.contains("7K3M") })
    }
  }

  @Test func logHasEveryRequestAndNobody() async throws {
    try await TestServer.run { server in
      let card = try await server.issueCard()
      let secret = TestServer.tokens["holder"] ?? ""
      let key = TestServer.key()
      let answer = try await server.get("/v1/cards/\(card)/licenses?code=\(key)", as: "holder")
      _ = try await server.get("/v1/titles/\(card)")
      try server.center.close()
      _ = try await server.get("/ready")
      let lines = server.log.all
      for line in lines { #expect(JSON(parsing: Array(line.utf8))?["level"] != nil, "\(line)") }
      let own = lines.filter { $0.contains(answer.headers["request-id"] ?? "?") }
      #expect(own.count == 1 && own.first?.contains(#""operation":"listLicenses""#) == true)
      #expect(own.first?.contains(#""status":400"#) == true)
      #expect(lines.contains { $0.contains("request failed") && $0.contains(#""level":"error""#) })
      for word in [card.description, secret, key, "127.0.0.1:", "Suzuki", "code="] {
        // The server may say where it listens; no line of a request has an address.
        #expect(!lines.contains { $0.contains("\"request\"") && $0.contains(word) }, "\(word)")
        #expect(word == "127.0.0.1:" || !lines.contains { $0.contains(word) }, "\(word)")
      }
    }
  }

  @Test(arguments: [
    #"null"#, #"[1,-2,3.5,true,false,"a\u0001\"\\é",{}]"#, #"{"a":{"b":[]},"z":9223372036854775807}"#,
  ])
  func JSONGoesThereAndBack(text: String) throws {
    let value = try #require(JSON(parsing: Array(text.utf8)))
    #expect(JSON(parsing: value.encoded) == value)
    #expect(String(decoding: value.encoded, as: UTF8.self) == text)
  }
}
