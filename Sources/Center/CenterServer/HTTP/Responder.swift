import Cryptography
import Formats
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import LicenseCenter
import Logging
import NIOCore
import Octets

/// What is known of a request before it is read.
struct CallContext: InitializableFromSource {
  let logger: Logger
  /// The other end of the connection: a client, or a proxy.
  let peer: IPAddress?
  /// Where the connection's octets are written.
  let eventLoop: any EventLoop

  init(source: ApplicationRequestContextSource) {
    logger = source.logger
    eventLoop = source.channel.eventLoop
    peer = IPAddress(source.channel.remoteAddress)
  }
}

/// Answers every request by the route table. Whatever goes wrong becomes a problem, and each answer a line in the log.
struct Responder: HTTPResponder {
  let routes: RouteTable
  let pages: PageResponder
  let limits: ServerLimits
  let authenticator: any Authenticating
  let answers: any AnswerKeeping
  let buckets: TokenBuckets
  let journal: Journal
  /// Whether clients come over TLS.
  let isSecure: Bool
  /// Who is believed about whom a request comes from.
  let proxies: TrustedProxies
  /// Nanoseconds of a clock that never goes back.
  let ticks: @Sendable () -> UInt64

  func respond(to request: Request, context: CallContext) async throws -> Response {
    let address = ClientAddress(proxies.client(of: context.peer, request.headers))
    var response = await answer(request, from: address, on: context.eventLoop)
    // RFC 6797: whoever came over TLS once shall come over nothing else, for a year.
    if isSecure { response.headers[.strictTransportSecurity] = "max-age=31536000" }
    return response
  }

  private func answer(
    _ request: Request, from address: ClientAddress, on eventLoop: any EventLoop
  ) async -> Response {
    let begin = ticks()
    let id = journal.newID()
    let refusal = buckets.take(address, at: begin).map {
      Problem(.tooMany, "Send fewer requests.", retryAfter: $0)
    }
    if isForPage(request) { return await page(request, address, eventLoop, refusal, id, since: begin) }
    var operation = "none"
    var response: Response
    do {
      if let refusal { throw refusal }
      let (endpoint, values) = try route(request)
      operation = endpoint.operation
      let reply = try await answer(request, from: address, endpoint, values, id)
      if let kind = reply.problem { journal.metrics.count(kind) }
      response = Response(reply, id, on: eventLoop)
    } catch {
      let problem = Problem(error)
      journal.note(error, as: problem, request: id)
      response = Response(problem, id)
      if problem.kind == .unauthenticated,
        case .endpoint(let endpoint, _) = routes.match(request.method, request.uri.path),
        endpoint.access == .ticket
      {
        response.headers[.wwwAuthenticate] = #"Ticket realm="warifu""#
      }
      if case .methods(let methods) = routes.match(request.method, request.uri.path) {
        response.headers[.allow] = methods.map(\.rawValue).joined(separator: ", ")
      }
    }
    journal.note(request.method, operation, response.status, id, nanoseconds: ticks() &- begin)
    return request.method == .head ? response.createHeadResponse() : response
  }

  /// Whether a person at a browser asks: for a page, or for what is nowhere.
  private func isForPage(_ request: Request) -> Bool {
    guard request.head.authority != nil else { return false }
    if pages.has(request.uri.path) { return true }
    guard case .nothing = routes.match(request.method, request.uri.path) else { return false }
    return request.headers[.accept]?.contains("text/html") ?? false
  }

  private func page(
    _ request: Request, _ address: ClientAddress, _ eventLoop: any EventLoop, _ refusal: Problem?, _ id: String,
    since begin: UInt64
  ) async -> Response {
    let (response, operation, failure) = await pages.respond(
      to: request, from: address, on: eventLoop, refusal, id: id)
    if let failure { journal.note(failure, as: Problem(failure), request: id) }
    journal.note(request.method, operation, response.status, id, nanoseconds: ticks() &- begin)
    return request.method == .head ? response.createHeadResponse() : response
  }

  private func route(_ request: Request) throws(Problem) -> (Endpoint, [String: String]) {
    guard request.head.authority != nil else {
      throw Problem(.malformed, "Name the host, as RFC 9112 wants it.")
    }
    switch routes.match(request.method, request.uri.path) {
    case .endpoint(let endpoint, let values): return (endpoint, values)
    case .methods: throw Problem(.wrongMethod, "The header field Allow has the methods.")
    case .nothing: throw Problem(.notFound, "The document at /openapi.json has every path.")
    }
  }

  /// Nothing of a request is believed, and no octet of its body read, before it is known who sends it.
  private func answer(
    _ request: Request, from address: ClientAddress, _ endpoint: Endpoint, _ values: [String: String], _ id: String
  ) async throws -> Reply {
    let (identity, credential) = try await caller(request, endpoint.access)
    let parameters = try endpoint.read(path: values, query: request.uri.query, header: request.headers)
    let operationID = try endpoint.wantsKey ? Responder.key(request) : nil
    let octets = try await body(request, endpoint)
    var call = Call(
      identity: identity, parameters: parameters, body: .null, operationID: operationID, credential: credential,
      requestID: id, isHead: request.method == .head, origin: address.description)
    if let schema = endpoint.body { call.body = try Responder.value(octets, schema) }
    if !endpoint.isForAnyTitle { try call.expectTitleOfIdentity() }
    guard let operationID else { return try await endpoint.serve(call) }
    let keyed = KeyedRequest(
      scope: identity?.name ?? Responder.scope(of: credential), key: operationID, method: request.method.rawValue,
      target: request.uri.string,
      body: octets)
    call.request = keyed
    return try await once(keyed, endpoint.repetition, id) { [call] in try await endpoint.serve(call) }
  }

  private func caller(_ request: Request, _ access: Endpoint.Access) async throws -> (Identity?, [UInt8]) {
    switch access {
    case .anyone: return (nil, [])
    case .anyoneOrKnown:
      return request.headers[.authorization] == nil ? (nil, []) : try await bearer(request)
    case .ticket:
      guard let ticket = Responder.credential(request, scheme: "Ticket") else {
        throw Problem(.unauthenticated, "Send the ticket that redeeming a code was answered with.")
      }
      return (nil, ticket)
    case .roles(let roles):
      let (identity, token) = try await bearer(request)
      guard !identity.roles.isDisjoint(with: roles) else {
        throw Problem(.forbidden, "Only \(roles.map(\.rawValue).sorted().joined(separator: ", ")) may.")
      }
      return (identity, token)
    }
  }

  /// Who sends a token, and the token.
  private func bearer(_ request: Request) async throws -> (Identity, [UInt8]) {
    guard let token = Responder.credential(request, scheme: "Bearer"),
      let identity = try await authenticator.identity(bearing: token)
    else { throw Problem(.unauthenticated, "Send a token that is good.") }
    return (identity, token)
  }

  /// Whose keys those of somebody without a name are: nobody's, or those of a ticket, which is not kept itself.
  private static func scope(of credential: [UInt8]) -> String {
    credential.isEmpty ? "" : "ticket " + Hex.encode(Digest.sha256(credential))
  }

  /// What stands behind the scheme, whose case does not matter (RFC 9110 §11.1).
  private static func credential(_ request: Request, scheme: String) -> [UInt8]? {
    guard let value = request.headers[.authorization], value.lowercased().hasPrefix(scheme.lowercased() + " ") else {
      return nil
    }
    return Array(value.utf8.dropFirst(scheme.utf8.count + 1))
  }

  private static func key(_ request: Request) throws(Problem) -> OperationID {
    guard let text = request.headers[.idempotencyKey], let key = OperationID(text) else {
      throw Problem(.invalid, "Send the header field Idempotency-Key with 32 hexadecimal digits, made at random.")
    }
    return key
  }

  private func body(_ request: Request, _ endpoint: Endpoint) async throws -> [UInt8] {
    guard endpoint.body != nil else { return [] }
    let tooLarge = Problem(.bodyTooLarge, "Send at most \(limits.bodyOctets) octets.")
    if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limits.bodyOctets { throw tooLarge }
    let type = request.headers[.contentType]?.split(separator: ";").first?.lowercased()
    guard type?.trimmingCharacters(in: .whitespaces) == "application/json" else {
      throw Problem(.wrongType, "Send application/json.")
    }
    do {
      return Array(buffer: try await request.body.collect(upTo: limits.bodyOctets))
    } catch is NIOTooManyBytesError {
      throw tooLarge
    } catch {
      // The connection's guard has answered already; whoever sent half a body hears it from there.
      throw Problem(.malformed, "Send the whole body.")
    }
  }

  private static func value(_ octets: [UInt8], _ schema: Schema) throws(Problem) -> JSON {
    guard let value = JSON(parsing: octets) else { throw Problem(.invalid, "The body is no JSON.") }
    if let fault = schema.fault(in: value) { throw Problem(.invalid, "\(fault).") }
    return value
  }

  /// Does what is asked unless it was done before, and answers the same either way: the body of a kept problem still
  /// names the request that it first answered.
  ///
  /// What the centre refuses is kept too, since it may have noted why; but not what may go better next time.
  private func once(
    _ request: KeyedRequest, _ repetition: Endpoint.Repetition, _ id: String, _ work: () async throws -> Reply
  ) async throws -> Reply {
    do {
      guard repetition == .answerIsKept else { return try await work() }
      if let kept = try await answers.answer(to: request) { return Reply(kept) }
      let answer: KeptAnswer
      do {
        answer = try KeptAnswer(try await work())
      } catch let error as CenterError {
        let problem = Problem(error)
        guard problem.kind.status.code < 500, problem.kind != .tooMany else { throw error }
        journal.noteDenial(error, request: id)
        answer = KeptAnswer(status: problem.kind.status.code, body: problem.document(requestID: id).encoded)
      }
      return Reply(try await answers.keep(answer, for: request))
    } catch is KeyReusedError {
      throw Problem(.keyReused, "Make a new key for each thing to be done.")
    }
  }
}

extension Response {
  /// What an endpoint answers.
  init(_ reply: Reply, _ id: String, on eventLoop: any EventLoop) {
    var headers = reply.headers
    headers[.contentType] = reply.type
    headers[.cacheControl] = "no-store"
    headers[.requestID] = id
    headers[.xContentTypeOptions] = "nosniff"
    let body: ResponseBody =
      switch reply.body {
      case .octets(let octets): .init(byteBuffer: ByteBuffer(bytes: octets))
      case .stream(let stream): .init(stream, on: eventLoop)
      }
    self.init(status: reply.status, headers: headers, body: body)
  }

  fileprivate init(_ problem: Problem, _ id: String) {
    let answer = RefusedAnswer(problem, requestID: id)
    self.init(
      status: answer.head.status, headers: answer.head.headerFields,
      body: .init(byteBuffer: ByteBuffer(bytes: answer.body)))
  }
}

extension ResponseBody {
  /// Asks for a piece, hands it over, which waits for room, and asks for the next when the connection has seen it.
  fileprivate init(_ stream: ReplyStream, on eventLoop: any EventLoop) {
    self.init(contentLength: Int(clamping: stream.length)) { writer in
      var sent: UInt64 = 0
      while sent < stream.length {
        let piece = try await stream.piece(sent)
        guard !piece.isEmpty, UInt64(piece.count) <= stream.length - sent else { throw BrokenStream() }
        try await writer.write(ByteBuffer(bytes: piece))
        // The writer hands pieces over without waiting, and takes any number of them until the loop has come to look at how
        // much room there is.
        try await eventLoop.submit {}.get()
        sent += UInt64(piece.count)
      }
      try await writer.finish(nil)
    }
  }

  private struct BrokenStream: Error {}
}

extension RefusedAnswer {
  /// The answer to a problem.
  init(_ problem: Problem, requestID: String) {
    body = problem.document(requestID: requestID).encoded
    var headers = problem.headers
    headers[.requestID] = requestID
    headers[.xContentTypeOptions] = "nosniff"
    headers[.contentLength] = String(body.count)
    head = HTTPResponse(status: problem.kind.status, headerFields: headers)
  }
}

extension HTTPField.Name {
  static let requestID = literal("Request-Id")
  static let idempotencyKey = literal("Idempotency-Key")

  private static func literal(_ name: String) -> HTTPField.Name {
    guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is a token") }
    return name
  }
}
