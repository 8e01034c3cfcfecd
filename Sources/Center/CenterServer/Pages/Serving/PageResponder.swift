import Cryptography
import Formats
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import LicenseCenter
import NIOCore
import Octets

/// Answers requests for pages, and whatever goes wrong with a page that says what to do.
struct PageResponder: Sendable {
  let table: PageTable
  let templates: PageTemplates
  let centerName: String
  let bodyLimit: Int
  /// Whether browsers come over TLS.
  let isSecure: Bool
  let authenticator: any Authenticating
  let answers: any AnswerKeeping
  let random: any RandomSource

  /// Whether a path is a page's, however it is asked for.
  func has(_ path: String) -> Bool {
    if case .nothing = table.match(.look, path) { return false }
    return true
  }

  /// - Parameter refusal: what the page is answered with instead, whatever it is.
  /// - Returns: the answer, the page's name for the log, and the error that became one.
  func respond(
    to request: Request, from address: ClientAddress, on eventLoop: any EventLoop, _ refusal: Problem?, id: String
  ) async -> (response: Response, operation: String, failure: (any Error)?) {
    var visitor = Visitor(request, isSecure: isSecure, random)
    var back = "/"
    var operation = "none"
    do {
      if let refusal { throw refusal }
      let (page, values) = try match(request)
      operation = page.operation
      back = page.back.filled(with: values)
      let reply = try await answer(request, page, values, address, &visitor, id)
      return (try response(reply, visitor, id, eventLoop), operation, nil)
    } catch {
      let problem = Problem(error)
      let view: View = [
        "title": problem.kind.pageTitle, "detail": problem.pageDetail, "request": id, "back": back,
        "wantsSignIn": problem.kind == .unauthenticated,
      ]
      let reply = PageReply.html("problem", view, status: problem.kind.status)
      var answer =
        (try? response(reply, visitor, id, eventLoop))
        ?? Response(status: problem.kind.status, headers: [.requestID: id])
      if let seconds = problem.retryAfter { answer.headers[.retryAfter] = String(seconds) }
      return (answer, operation, error)
    }
  }

  private func match(_ request: Request) throws(Problem) -> (Page, [String: String]) {
    let kind: Page.Kind? =
      switch request.method {
      case .get, .head: .look
      case .post: .form
      default: nil
      }
    switch table.match(kind, request.uri.path) {
    case .page(let page, let values): return (page, values)
    case .wrongKind: throw Problem(.wrongMethod, "Open the page before it, and send the form from there.")
    case .nothing: throw Problem(.notFound, "Check the address, or begin at the first page.")
    }
  }

  private func answer(
    _ request: Request, _ page: Page, _ values: [String: String], _ address: ClientAddress, _ visitor: inout Visitor,
    _ id: String
  ) async throws -> PageReply {
    if let session = visitor.cookies[Cookie.session] {
      let identity = try await authenticator.identity(bearing: Array(session.utf8))
      // Pages do not ask which title they are about: a token for one title opens none of them.
      visitor.identity = identity?.softwareID == nil ? identity : nil
    }
    if page.kind == .form { try visitor.expectSameOrigin(request) }
    if case .roles(let roles) = page.access {
      guard let identity = visitor.identity else {
        if let path = page.whenSignedOut { return .seeOther(path) }
        throw Problem(.unauthenticated, "Your session is over, or has not begun. Sign in with a code, and come back.")
      }
      guard !identity.roles.isDisjoint(with: roles) else {
        throw Problem(.forbidden, "You are signed in as \(identity.roleNames); this page is for others.")
      }
    } else {
      visitor.isAnonymous = true
    }
    var call = visitor.call(request, values, address)
    let octets = page.kind == .form ? try await body(request) : Array((request.uri.query ?? "").utf8)
    let hidden = page.kind == .form ? [FormField.text(FormBinding.field, limit: 64)] : []
    call.fields = try FormReader.read(String(decoding: octets, as: UTF8.self), page.fields + hidden)
    guard page.kind == .form else { return try await page.serve(call) }
    guard let key = call.fields.removeValue(forKey: FormBinding.field),
      let operationID = call.binding.operation(key, for: request.uri.path)
    else {
      throw Problem(.invalid, "This page is from another session. Open it again, and send the form from there.")
    }
    call.operationID = operationID
    if let name = FormReader.missing(page.fields, in: call.fields) {
      throw Problem(.invalid, "The field \(name.spacedWords) is empty. Fill it in and send the form again.")
    }
    guard !visitor.isAnonymous, let identity = visitor.identity else { return try await page.serve(call) }
    let keyed = KeyedRequest(
      scope: identity.name, key: operationID, method: "POST", target: request.uri.path, body: octets)
    return try await once(keyed, id) { [call] in try await page.serve(call) }
  }

  /// Does what a form asks for unless it was done before, and leads to the same page either way.
  private func once(
    _ request: KeyedRequest, _ id: String, _ work: () async throws -> PageReply
  ) async throws -> PageReply {
    do {
      if let kept = try await answers.answer(to: request) { return try PageReply(kept) }
      let answer: KeptAnswer
      let reply: PageReply
      do {
        reply = try await work()
        guard case .seeOther(let location) = reply.content else { return reply }
        answer = KeptAnswer(status: 303, body: JSON.object(["location": .text(location)]).encoded)
      } catch let error as CenterError {
        let problem = Problem(error)
        guard problem.kind.status.code < 500 else { throw error }
        answer = KeptAnswer(status: problem.kind.status.code, body: problem.document(requestID: id).encoded)
        _ = try await answers.keep(answer, for: request)
        throw error
      }
      _ = try await answers.keep(answer, for: request)
      return reply
    } catch is KeyReusedError {
      throw Problem(.keyReused, "This form was sent before with something else in it. Open the page again.")
    }
  }

  private func body(_ request: Request) async throws -> [UInt8] {
    let tooLarge = Problem(.bodyTooLarge, "The form holds more than is taken here.")
    let type = request.headers[.contentType]?.split(separator: ";").first?.trimmingCharacters(in: .whitespaces)
    guard type?.lowercased() == "application/x-www-form-urlencoded" else {
      throw Problem(.wrongType, "Send the form from its page.")
    }
    if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > bodyLimit { throw tooLarge }
    do {
      return Array(buffer: try await request.body.collect(upTo: bodyLimit))
    } catch is NIOTooManyBytesError {
      throw tooLarge
    } catch {
      throw Problem(.malformed, "The form did not arrive whole. Send it again.")
    }
  }

  // MARK: Answers

  private func response(
    _ reply: PageReply, _ visitor: Visitor, _ id: String, _ eventLoop: any EventLoop
  ) throws(Problem) -> Response {
    var headers = PageResponder.headers
    headers[.requestID] = id
    if !reply.isForEverybody {
      for cookie in reply.cookies + visitor.newCookies {
        headers.append(HTTPField(name: .setCookie, value: cookie.text(isSecure: isSecure)))
      }
    }
    if let seconds = reply.refreshSeconds { headers[.refresh] = String(seconds) }
    switch reply.content {
    case .html(let template, let view):
      headers[.contentType] = "text/html; charset=utf-8"
      let octets = try templates.render(view.merging(visitor.view(centerName)) { own, _ in own }, with: template)
      return Response(status: reply.status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: octets)))
    case .seeOther(let location):
      headers[.location] = location
      return Response(status: .seeOther, headers: headers)
    case .part(let octets, let type):
      headers[.contentType] = type
      // What every page looks like is no secret, and the same for all.
      headers[.cacheControl] = "max-age=3600"
      return Response(status: reply.status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: octets)))
    case .file(let octets, let type, let name):
      headers[.contentType] = type
      headers[.contentDisposition] = "attachment; filename=\"\(name)\""
      return Response(status: reply.status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: octets)))
    case .download(let file, let name):
      var answer = Response(file, id, on: eventLoop)
      for field in headers where !answer.headers.contains(field.name) { answer.headers.append(field) }
      answer.headers[.contentDisposition] = "attachment; filename=\"\(name)\""
      return answer
    }
  }

  /// No script, nothing from elsewhere, no frame around a page, and nothing kept.
  private static let headers: HTTPFields = [
    .contentSecurityPolicy:
      """
    default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; \
    base-uri 'none'
    """,
    .referrerPolicy: "no-referrer", .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
    .crossOriginOpenerPolicy: "same-origin", .crossOriginResourcePolicy: "same-origin",
  ]
}

extension PageReply {
  /// What an earlier sending of the same form was answered.
  fileprivate init(_ kept: KeptAnswer) throws(Problem) {
    guard let document = JSON(parsing: kept.body) else { throw Problem(.failed, "Tell the operator the request id.") }
    if case .text(let location) = document["location"] {
      self = .seeOther(location)
      return
    }
    guard case .text(let type) = document["type"], case .text(let detail) = document["detail"],
      let kind = Problem.Kind(rawValue: String(type.split(separator: ":").last ?? ""))
    else { throw Problem(.failed, "Tell the operator the request id.") }
    throw Problem(kind, detail)
  }
}

extension HTTPField.Name {
  fileprivate static let refresh = token("Refresh")
  fileprivate static let referrerPolicy = token("Referrer-Policy")
  fileprivate static let crossOriginOpenerPolicy = token("Cross-Origin-Opener-Policy")

  fileprivate static func token(_ name: String) -> HTTPField.Name {
    guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is a token") }
    return name
  }
}

extension String {
  /// A pattern of a path with its parameters filled in.
  fileprivate func filled(with values: [String: String]) -> String {
    values.reduce(self) { $0.replacingOccurrences(of: "{\($1.key)}", with: $1.value) }
  }

  /// `codesInSale` as people read it.
  fileprivate var spacedWords: String {
    reduce(into: "") { $0 += $1.isUppercase ? " \($1.lowercased())" : String($1) }
  }
}
