import CenterServer
import Foundation
import Testing

@testable import LicenseCenter

/// What is wrong with any request, tried at every endpoint of the document: the right problem, and not a row has changed.
@Suite struct EveryEndpointRefusalTests {
  /// An operation as the document has it, with a request that is good as far as its header goes.
  private struct Operation: Sendable {
    var name: String
    var method: String
    var target: String
    var credential: String?
    /// Whether it serves somebody without a credential as well.
    var servesNobody: Bool
    var wantsKey: Bool
    var wantsBody: Bool

    /// A request with a body of its own, or none.
    func request(
      method: String? = nil, credential: String?, key: Bool = true, query: String = "", fields: [String] = [],
      body: String? = nil
    ) -> String {
      var lines = ["\(method ?? self.method) \(target)\(query) HTTP/1.1", "Host: localhost"] + fields
      if let credential { lines.append("Authorization: \(credential)") }
      if key, wantsKey { lines.append("Idempotency-Key: \(TestServer.key())") }
      if let body { lines += ["Content-Type: application/json", "Content-Length: \(body.utf8.count)"] }
      return lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? "")
    }
  }

  /// What is sent in how many parts with pauses between them, and what answers it.
  private struct Case: Sendable {
    var name: String
    var parts: [String]
    var kind: Problem.Kind
    var status: Int
  }

  private func cases(_ operation: Operation) -> [Case] {
    let good = operation.credential
    var cases = [
      Case(
        name: "query",
        parts: [operation.request(credential: good, query: "?nobody=1", body: operation.wantsBody ? "{}" : nil)],
        kind: .invalid, status: 400),
      Case(
        name: "huge header",
        parts: [operation.request(credential: good, fields: ["X-Long: \(String(repeating: "a", count: 1 << 17))"])],
        kind: .headerTooLarge, status: 431),
      Case(
        name: "no host", parts: ["\(operation.method) \(operation.target) HTTP/1.1\r\n\r\n"], kind: .malformed,
        status: 400),
      Case(
        name: "contradiction",
        parts: [operation.request(credential: good, fields: ["Content-Length: 3", "Transfer-Encoding: chunked"])],
        kind: .malformed, status: 400),
      Case(
        name: "wrong method", parts: [operation.request(method: "PATCH", credential: good)], kind: .wrongMethod,
        status: 405),
      Case(
        name: "slow header",
        parts: ["\(operation.method) \(operation.target) HTTP/1.1\r\nHost: localhost\r\nX-Slo", "w"], kind: .tooSlow,
        status: 408),
    ]
    if good != nil {
      cases += ["", "Bearer ", "Bearer wat_\(String(repeating: "0", count: 64))", "Basic YTpi"].map {
        (credential: String) in
        Case(
          name: "credential \(credential)",
          parts: [operation.request(credential: credential, body: operation.wantsBody ? "{}" : nil)],
          kind: .unauthenticated, status: 401)
      }
    }
    if good != nil, !operation.servesNobody {
      cases.append(
        Case(
          name: "nobody", parts: [operation.request(credential: nil, body: operation.wantsBody ? "{}" : nil)],
          kind: .unauthenticated, status: 401))
    }
    if operation.wantsKey {
      cases.append(
        Case(
          name: "no key",
          parts: [operation.request(credential: good, key: false, body: operation.wantsBody ? "{}" : nil)],
          kind: .invalid, status: 400))
    }
    guard operation.wantsBody else { return cases }
    cases += ["{", "[]", #"{"nobody":1}"#, "null"].map { (body: String) in
      Case(name: "body \(body)", parts: [operation.request(credential: good, body: body)], kind: .invalid, status: 400)
    }
    return cases + [
      Case(
        name: "huge body", parts: [operation.request(credential: good, body: String(repeating: " ", count: 1 << 17))],
        kind: .bodyTooLarge, status: 413),
      Case(
        name: "wrong type",
        parts: [
          operation.request(credential: good, body: "{}").replacingOccurrences(
            of: "application/json", with: "text/html")
        ], kind: .wrongType, status: 415),
      Case(
        name: "slow body",
        parts: [
          operation.request(credential: good, fields: ["Content-Type: application/json", "Content-Length: 90"]), "{",
        ],
        kind: .tooSlow, status: 408),
    ]
  }

  @Test func everyEndpointAnswersWhatIsWrongWithItsProblemAndChangesNothing() async throws {
    var options = ServingOptions.patient
    options.limits.requestsPerSecond = 1e9
    options.limits.burst = 1e9
    options.limits.headerTime = .seconds(10)
    options.limits.requestTime = .seconds(10)
    try await TestServer.run(options, keepsAnswers: true) { server in
      let wares = try await server.wares(codes: 1)
      let ticket = try await server.ticket(wares.codes[0])
      let operations = try await operations(of: server, ticket: ticket)
      let digest = try await server.contents()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for operation in operations {
          group.addTask {
            for wrong in cases(operation) {
              let answer = try await converse(with: server.port) { connection in
                for part in wrong.parts {
                  connection.send(part)
                  if wrong.parts.count > 1 { usleep(100_000) }
                }
                return try connection.answer(patience: 120)
              }
              expectProblem(answer, wrong.kind, wrong.status, "\(operation.name), \(wrong.name): \(answer.text)")
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try await server.contents() == digest)
      #expect(operations.count > 20)
      print("\(operations.count) endpoints, \(operations.map { cases($0).count }.reduce(0, +)) broken requests")
    }
  }

  private func operations(of server: TestServer, ticket: String) async throws -> [Operation] {
    let document = try #require(try await server.get("/openapi.json").json)
    var operations: [Operation] = []
    for (path, methods) in document.members("paths") {
      for (method, operation) in methods.members {
        var target = path
        for parameter in operation.elements("parameters") where parameter["in"] == "path" {
          guard case .text(let name) = parameter["name"], let schema = parameter["schema"] else { continue }
          target = target.replacingOccurrences(of: "{\(name)}", with: schema.sample)
        }
        let schemes = operation.elements("security").flatMap { $0.members.keys }
        let credential = schemes.first.map {
          $0 == "ticket" ? "Ticket \(ticket)" : "Bearer \(TestServer.tokens["everybody"] ?? "")"
        }
        operations.append(
          Operation(
            name: "\(method) \(path)", method: method.uppercased(), target: target, credential: credential,
            servesNobody: operation.elements("security").contains([:]),
            wantsKey: operation.elements("parameters").contains { $0["name"] == "Idempotency-Key" },
            wantsBody: operation["requestBody"] != nil))
      }
    }
    return operations
  }
}

extension TestServer {
  /// Every row of every table.
  func contents() async throws -> [String: [SQLRow: Int]] {
    try await center.context.database.read { transaction in
      let tables = try transaction.run("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", [])
      var contents: [String: [SQLRow: Int]] = [:]
      for table in tables {
        let name = try table.text("name")
        for row in try transaction.run("SELECT * FROM \(name)", []) {
          contents[name, default: [:]][row, default: 0] += 1
        }
      }
      return contents
    }
  }
}

extension JSON {
  fileprivate var members: [String: JSON] {
    guard case .object(let members) = self else { return [:] }
    return members
  }

  fileprivate func members(_ name: String) -> [String: JSON] { self[name]?.members ?? [:] }

  fileprivate func elements(_ name: String) -> [JSON] {
    guard case .array(let elements) = self[name] else { return [] }
    return elements
  }

  /// A value that a schema of a parameter allows.
  fileprivate var sample: String {
    if case .array(let words) = self["enum"], case .text(let word) = words.first { return word }
    if case .integer(let least) = self["minimum"] { return String(least) }
    guard case .text(let pattern) = self["pattern"], case .integer(let length) = self["minLength"] else { return "a" }
    let prefix = String(pattern.dropFirst().prefix { $0 != "(" })
    return prefix + String(repeating: "0", count: Int(length) - prefix.count)
  }
}
