import CenterServer
import Foundation
import Testing

/// A request as a well-mannered client sends it.
struct ClientRequest: Sendable {
  var method = "GET"
  var target: String
  var token: String?
  var key: String?
  var body: String?
  var headers: [String: String] = [:]

  var text: String {
    var lines = ["\(method) \(target) HTTP/1.1", "Host: localhost"]
    if let token { lines.append("Authorization: Bearer \(token)") }
    if let key { lines.append("Idempotency-Key: \(key)") }
    if let body { lines += ["Content-Type: application/json", "Content-Length: \(body.utf8.count)"] }
    lines += headers.map { "\($0.key): \($0.value)" }
    return lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? "")
  }
}

extension TestServer {
  /// Sends a request over a connection of its own, and answers what came back.
  ///
  /// - Parameter patience: how long the answer is waited for, in seconds.
  func ask(_ request: ClientRequest, patience: Double = RawConnection.patience) async throws -> RawAnswer {
    try await converse(with: port) { connection in
      connection.send(request.text)
      return try connection.answer(patience: patience, isHead: request.method == "HEAD")
    }
  }

  func get(_ target: String, as name: String? = nil) async throws -> RawAnswer {
    try await ask(ClientRequest(target: target, token: name.flatMap { TestServer.tokens[$0] }))
  }

  func post(_ target: String, _ body: JSON, as name: String?, key: String? = TestServer.key()) async throws -> RawAnswer
  {
    try await ask(
      ClientRequest(
        method: "POST", target: target, token: name.flatMap { TestServer.tokens[$0] }, key: key,
        body: String(decoding: body.encoded, as: UTF8.self)))
  }

  /// A new idempotency key.
  static func key() -> String { UUID().uuidString.replacingOccurrences(of: "-", with: "") }
}

extension RawAnswer {
  var json: JSON? { JSON(parsing: body) }
}

/// Expects a problem of this kind, whole and with its header fields.
func expectProblem(
  _ answer: RawAnswer, _ kind: Problem.Kind, _ status: Int, _ comment: Comment? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(answer.status == status, comment, sourceLocation: sourceLocation)
  #expect(answer.headers["content-type"] == "application/problem+json", comment, sourceLocation: sourceLocation)
  #expect(
    answer.json?["type"] == .text("urn:warifu:problem:\(kind.rawValue)"), comment, sourceLocation: sourceLocation)
  #expect(answer.json?["status"] == .integer(Int64(status)), comment, sourceLocation: sourceLocation)
  #expect(
    answer.json?["request"] == answer.headers["request-id"].map(JSON.text), comment, sourceLocation: sourceLocation)
}
