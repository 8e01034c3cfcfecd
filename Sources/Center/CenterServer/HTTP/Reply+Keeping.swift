import Formats
import HTTPTypes
import LicenseCenter

extension Reply {
  /// An answer that was kept.
  init(_ kept: KeptAnswer) {
    self.init(
      status: .init(code: kept.status), type: kept.status >= 400 ? Problem.contentType : "application/json",
      body: .octets(kept.body))
  }

  /// The kind of problem that it tells of, if it does.
  var problem: Problem.Kind? {
    guard type == Problem.contentType, case .octets(let octets) = body,
      case .text(let name) = JSON(parsing: octets)?["type"]
    else { return nil }
    return Problem.Kind.allCases.first { name == "urn:warifu:problem:\($0.rawValue)" }
  }

  /// A problem that is an answer as good as any other: it is kept and repeated.
  static func problem(_ problem: Problem, to call: Call) -> Reply {
    Reply(
      status: problem.kind.status, type: Problem.contentType,
      body: .octets(problem.document(requestID: call.requestID).encoded))
  }
}

extension KeptAnswer {
  /// An answer to be kept. One that is streamed is none: no endpoint that changes something has it.
  init(_ reply: Reply) throws(Problem) {
    guard case .octets(let octets) = reply.body else { throw Problem(.failed, "Tell the centre's operator.") }
    self.init(status: reply.status.code, body: octets)
  }
}

extension Call {
  /// Changes something and keeps the answer in one transaction: a crash leaves both or neither, and the same request gets
  /// the same answer whenever it is sent again (``Endpoint/Repetition/keepsItsAnswer``).
  ///
  /// - Parameter work: makes the change. When it throws, nothing is changed and nothing kept.
  func once(
    at center: Center, _ work: @escaping @Sendable (any Transaction) throws -> Reply
  ) async throws -> Reply {
    guard let request else { throw Problem(.invalid, "There is no key.") }
    let answer = try await center.idempotency.run(
      scope: request.scope, key: try request.idempotencyKey, digest: request.digest
    ) { transaction in
      let kept = try KeptAnswer(try work(transaction))
      return (kept.status, kept.body)
    }
    return Reply(KeptAnswer(answer))
  }

  /// The ticket that the caller showed.
  ///
  /// - Throws: a ``Problem`` for what cannot be a ticket.
  var ticket: DownloadTicket {
    get throws(Problem) {
      guard let ticket = DownloadTicket(text: String(decoding: credential, as: UTF8.self)) else {
        throw Problem(.refused, "The ticket is good for nothing here; redeem a code.")
      }
      return ticket
    }
  }
}
