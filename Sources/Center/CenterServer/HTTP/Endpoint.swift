import Formats
import HTTPTypes

/// One thing that the server does: what serves it and what describes it are the same value.
public struct Endpoint: Sendable {
  /// The method; an endpoint for GET answers HEAD too.
  public var method: HTTPRequest.Method
  /// The path, its parameters in braces: `/v1/titles/{softwareID}`.
  public var path: String
  /// Its name for programs that are made from the document.
  public var operation: String
  /// What it does, a sentence for people.
  public var summary: String
  /// Who may call it.
  public var access: Access
  /// Parameters in the path and behind the question mark.
  public var parameters: [Parameter]
  /// The shape of the body that it wants.
  public var body: Schema?
  /// What it answers when all is well.
  public var answer: Answer
  /// What else it may answer of its own, beside what any endpoint of its kind may.
  public var problems: Set<Problem.Kind>
  /// What keeps a repeated request from doing its work twice.
  public var repetition: Repetition
  /// Whether it serves a caller who asked for access to one title, although its requests name none: where it is no matter of
  /// titles, or looks itself.
  public var isForAnyTitle: Bool
  /// Does it. An endpoint that changes something must do it under the operation id that the call has.
  public var serve: @Sendable (Call) async throws -> Reply

  /// An endpoint.
  public init(
    _ method: HTTPRequest.Method, _ path: String, _ operation: String, _ summary: String, access: Access,
    parameters: [Parameter] = [], body: Schema? = nil, answer: Answer, problems: Set<Problem.Kind> = [],
    repetition: Repetition? = nil, isForAnyTitle: Bool = false,
    serve: @escaping @Sendable (Call) async throws -> Reply
  ) {
    self.method = method
    self.path = path
    self.operation = operation
    self.summary = summary
    self.access = access
    self.parameters = parameters
    self.body = body
    self.answer = answer
    self.problems = problems
    let changesSomething = method == .post || method == .put || method == .delete || method == .patch
    self.repetition = repetition ?? (changesSomething ? .answerIsKept : .isHarmless)
    self.isForAnyTitle = isForAnyTitle
    self.serve = serve
  }

  /// What keeps a repeated request from doing its work twice.
  public enum Repetition: Hashable, Sendable {
    /// Nothing has to: it changes nothing, or what it carries is good only once. Its requests have no key.
    case isHarmless
    /// Its requests have a key, and the server keeps their answers. Usual for what changes something.
    case answerIsKept
    /// Its requests have a key, under which the endpoint itself keeps the answer in the transaction of the change
    /// (``Call/request``).
    case keepsItsAnswer
  }

  /// Whether its requests have an idempotency key.
  public var wantsKey: Bool { repetition != .isHarmless }

  /// Who may call.
  public enum Access: Hashable, Sendable {
    /// Whoever reaches the server.
    case anyone
    /// Whoever reaches the server. Who sends a token is known by it, and one that is not good is refused.
    case anyoneOrKnown
    /// Whoever may be one of these.
    case roles(Set<Role>)
    /// Whoever has a download ticket. What it is good for is the endpoint's business.
    case ticket
  }

  /// One parameter.
  public struct Parameter: Sendable {
    /// Where it stands.
    public enum Place: String, Sendable { case path, query, header }

    /// Its name.
    public var name: String
    /// Where it stands.
    public var place: Place
    /// The shape of its value: a text or a whole number.
    public var schema: Schema
    /// Whether it may be left out; one in a path may not.
    public var isOptional: Bool
    /// What it is, a sentence for people.
    public var summary: String

    /// A parameter in the path.
    public static func path(_ name: String, _ schema: Schema, _ summary: String) -> Parameter {
      Parameter(name: name, place: .path, schema: schema, isOptional: false, summary: summary)
    }

    /// A header field that may be left out.
    public static func header(_ name: String, _ schema: Schema, _ summary: String) -> Parameter {
      Parameter(name: name, place: .header, schema: schema, isOptional: true, summary: summary)
    }

    /// A parameter behind the question mark.
    public static func query(_ name: String, _ schema: Schema, _ summary: String, isOptional: Bool) -> Parameter {
      Parameter(name: name, place: .query, schema: schema, isOptional: isOptional, summary: summary)
    }
  }

  /// An answer when all is well.
  public struct Answer: Sendable {
    /// The status code.
    public var status: HTTPResponse.Status
    /// What it says, a sentence for people.
    public var summary: String
    /// What the body is made of.
    public var content: Content
    /// Other answers when all is well, with the same content: their status codes, and what they say.
    public var others: [HTTPResponse.Status: String] = [:]

    /// What a body is made of.
    public enum Content: Sendable {
      /// JSON of this shape.
      case json(Schema)
      /// Octets of this media type.
      case octets(String)
    }

    /// An answer of JSON.
    public static func json(
      _ schema: Schema, _ summary: String, status: HTTPResponse.Status = .ok
    ) -> Answer {
      Answer(status: status, summary: summary, content: .json(schema))
    }

    /// An answer of octets.
    public static func octets(_ type: String, _ summary: String) -> Answer {
      Answer(status: .ok, summary: summary, content: .octets(type))
    }
  }
}

/// A request that was found to be as its endpoint wants it.
public struct Call: Sendable {
  /// Who calls; `nil` only where anyone may, or has a ticket.
  public var identity: Identity?
  /// The parameters by name.
  public var parameters: [String: JSON]
  /// The body; `null` where the endpoint wants none.
  public var body: JSON
  /// The caller's name for what is to be changed; `nil` where nothing is.
  public var operationID: OperationID?
  /// What tells this request from others; `nil` where nothing is changed.
  public var request: KeyedRequest?
  /// What the caller showed for itself, without the scheme; empty where anyone may call.
  public var credential: [UInt8]
  /// The request's id, as the header field Request-Id of the answer has it.
  public var requestID: String
  /// Whether only the header of the answer is asked for.
  public var isHead: Bool
  /// Where the request comes from, as far as limits tell callers apart; a personal datum, never to be logged.
  public var origin: String
}

/// What an endpoint answers.
public struct Reply: Sendable {
  /// The status code; that of the endpoint's answer when all is well.
  public var status: HTTPResponse.Status
  /// The media type.
  public var type: String
  /// Header fields beside the ones that every answer has.
  public var headers: HTTPFields = [:]
  /// The body.
  public var body: Body

  /// A body.
  public enum Body: Sendable {
    /// All of it.
    case octets([UInt8])
    /// One that is too large to be held in memory.
    case stream(ReplyStream)
  }

  /// JSON.
  public static func json(_ value: JSON, status: HTTPResponse.Status = .ok) -> Reply {
    Reply(status: status, type: "application/json", body: .octets(value.encoded))
  }

  /// Octets of a media type.
  public static func octets(_ octets: [UInt8], type: String) -> Reply {
    Reply(status: .ok, type: type, body: .octets(octets))
  }

  /// Octets of a media type that are made while they are sent.
  public static func stream(
    _ stream: ReplyStream, type: String, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
  ) -> Reply {
    Reply(status: status, type: type, headers: headers, body: .stream(stream))
  }
}

/// A body that is made while it is sent: the next piece is asked for when the client has taken the ones before.
public struct ReplyStream: Sendable {
  /// Octets of the whole body.
  public var length: UInt64
  /// Makes the piece that begins behind so many octets: at least one octet, and none past the end. When it throws, the
  /// connection is closed, which tells the client that something is missing.
  public var piece: @Sendable (_ offset: UInt64) async throws -> [UInt8]

  /// A body.
  public init(length: UInt64, piece: @escaping @Sendable (_ offset: UInt64) async throws -> [UInt8]) {
    self.length = length
    self.piece = piece
  }
}
