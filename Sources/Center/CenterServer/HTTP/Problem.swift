import HTTPTypes
import LicenseCenter

/// What an answer says that is not what was asked for: problem details of RFC 9457.
public struct Problem: Error, Hashable, Sendable {
  /// What went wrong, for programs. The names stand in the OpenAPI document.
  public enum Kind: String, CaseIterable, Sendable {
    /// The octets are no HTTP request, or its parts contradict each other.
    case malformed
    /// A parameter, a header field or the body is not as the document says.
    case invalid
    /// Nobody is known by this token, or none was sent.
    case unauthenticated = "not-authenticated"
    /// The caller is known but may not do this.
    case forbidden
    /// There is no such thing.
    case notFound = "not-found"
    /// There is such a thing, but not with this method.
    case wrongMethod = "wrong-method"
    /// The request did not arrive in time.
    case tooSlow = "too-slow"
    /// The thing is not in the state that this needs.
    case conflict
    /// A limit of the card is reached.
    case limitReached = "limit-reached"
    /// The holder's means of payment was refused.
    case payment
    /// A code or a ticket is good for nothing here. Whether it is unknown, used or expired is not said.
    case refused
    /// The card is not the one it should be, refused, or could not be reached.
    case card
    /// The conversation with the card is over, or goes on elsewhere: another can be begun.
    case dialogueOver = "dialogue-over"
    /// The conversation with the card stands at another step.
    case outOfStep = "out-of-step"
    /// The body is larger than anything that is taken here.
    case bodyTooLarge = "body-too-large"
    /// The body is not JSON.
    case wrongType = "wrong-type"
    /// The request is well-formed, and cannot be done.
    case unprocessable
    /// The idempotency key was used before with another request.
    case keyReused = "key-reused"
    /// The file does not have the octets that were asked for, or they are not next.
    case range
    /// Too many requests or connections from one address.
    case tooMany = "too-many"
    /// The header fields are larger than anything that is taken here.
    case headerTooLarge = "header-too-large"
    /// The centre failed.
    case failed
    /// The centre cannot do it just now.
    case unavailable
  }

  /// What went wrong.
  public var kind: Kind
  /// What to do about it, a sentence for people.
  public var detail: String
  /// After how many seconds to try again, where that helps.
  public var retryAfter: Int?

  /// A problem.
  public init(_ kind: Kind, _ detail: String, retryAfter: Int? = nil) {
    self.kind = kind
    self.detail = detail
    self.retryAfter = retryAfter
  }
}

extension Problem {
  /// The answer to what the centre would not do.
  ///
  /// What is wrong inside the centre stays inside: the log has it under the request's id.
  init(_ error: CenterError) {
    switch error.code {
    case .invalid: self.init(.unprocessable, error.remedy)
    case .notFound: self.init(.notFound, error.remedy)
    case .conflict: self.init(.conflict, error.remedy)
    case .limitReached: self.init(.limitReached, error.remedy)
    case .notCertified, .cardRefused, .cardUnreachable: self.init(.card, error.description)
    case .paymentDeclined: self.init(.payment, error.remedy)
    case .refused: self.init(.refused, error.remedy)
    case .keyReused: self.init(.keyReused, error.remedy)
    case .tooManyAttempts(let seconds): self.init(.tooMany, error.remedy, retryAfter: Int(clamping: seconds))
    case .denied: self.init(.unauthenticated, error.remedy)
    case .storage, .unknownOutcome, .cancelled, .paymentUnknown:
      self.init(.unavailable, "Try again with the same idempotency key.", retryAfter: 1)
    case .clockSetBack:
      self.init(.unavailable, "The centre's clock is wrong. Tell its operator the request id.", retryAfter: 60)
    case .damaged, .keyStore: self.init(.failed, "Tell the centre's operator the request id.")
    }
  }

  /// The answer to any error.
  init(_ error: any Error) {
    switch error {
    case let problem as Problem: self = problem
    case let error as CenterError: self.init(error)
    default: self.init(.failed, "Tell the centre's operator the request id.")
    }
  }

  /// `application/problem+json`.
  static let contentType = "application/problem+json"

  /// The document that the answer has.
  func document(requestID: String) -> JSON {
    [
      "type": .text("urn:warifu:problem:\(kind.rawValue)"), "title": .text(kind.title),
      "status": .integer(Int64(kind.status.code)), "detail": .text(detail), "request": .text(requestID),
    ]
  }

  /// The header fields that belong to it.
  var headers: HTTPFields {
    var headers: HTTPFields = [.contentType: Problem.contentType, .cacheControl: "no-store"]
    if let retryAfter { headers[.retryAfter] = String(retryAfter) }
    if kind == .unauthenticated { headers[.wwwAuthenticate] = #"Bearer realm="warifu""# }
    return headers
  }

  /// The document's shape.
  static let schema = Schema.named(
    "Problem",
    .object([
      .init("type", .text(.choice(Kind.allCases.map { "urn:warifu:problem:\($0.rawValue)" })), "What went wrong."),
      .init("title", .text(.plain(1...200)), "The same in words."),
      .init("status", .integer(400...599), "The status code."),
      .init("detail", .text(.plain(1...1000)), "What to do about it."),
      .init("request", .text(.plain(1...64)), "The request's id, as the header field Request-Id has it."),
    ]))
}

extension Problem.Kind {
  /// The status code that it is answered with.
  var status: HTTPResponse.Status {
    switch self {
    case .malformed, .invalid: .badRequest
    case .unauthenticated: .unauthorized
    case .forbidden: .forbidden
    case .notFound: .notFound
    case .wrongMethod: .methodNotAllowed
    case .tooSlow: .requestTimeout
    case .conflict, .limitReached, .card, .dialogueOver, .outOfStep: .conflict
    case .payment: .init(code: 402, reasonPhrase: "Payment Required")
    case .refused: .unprocessableContent
    case .bodyTooLarge: .contentTooLarge
    case .wrongType: .unsupportedMediaType
    case .unprocessable, .keyReused: .unprocessableContent
    case .range: .rangeNotSatisfiable
    case .tooMany: .tooManyRequests
    case .headerTooLarge: .requestHeaderFieldsTooLarge
    case .failed: .internalServerError
    case .unavailable: .serviceUnavailable
    }
  }

  /// The kind in words.
  var title: String {
    switch self {
    case .malformed: "This is no HTTP request"
    case .invalid: "The request is not as the document says"
    case .unauthenticated: "Who are you?"
    case .forbidden: "You may not do this"
    case .notFound: "There is no such thing"
    case .wrongMethod: "Not with this method"
    case .tooSlow: "The request did not arrive in time"
    case .conflict: "Not in this state"
    case .limitReached: "A limit is reached"
    case .payment: "The payment was refused"
    case .refused: "This is good for nothing here"
    case .card: "The card did not do its part"
    case .dialogueOver: "The conversation with the card is over"
    case .outOfStep: "The conversation stands at another step"
    case .bodyTooLarge: "The body is too large"
    case .wrongType: "The body must be JSON"
    case .unprocessable: "This cannot be done"
    case .keyReused: "The idempotency key was used before with another request"
    case .range: "Not these octets"
    case .tooMany: "Too many at once"
    case .headerTooLarge: "The header is too large"
    case .failed: "The centre failed"
    case .unavailable: "Not just now"
    }
  }
}
