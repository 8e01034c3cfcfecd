import Formats
import HTTPTypes
import LicenseCenter

/// What a template is filled with.
typealias View = [String: any Sendable]

/// One thing that a person can look at or send off at a browser: the sibling of an ``Endpoint``.
struct Page: Sendable {
  /// GET shows something and changes nothing; POST is a form.
  enum Kind: Sendable { case look, form }

  var kind: Kind
  /// The path, its parameters in braces.
  var path: String
  /// Its name in the log and in figures.
  var operation: String
  /// Who may.
  var access: Endpoint.Access
  /// The fields of the form, or those behind the question mark.
  var fields: [FormField]
  /// Where somebody goes whose form was refused.
  var back: String
  /// Where somebody is led who is signed in no more: only for what is done by then.
  var whenSignedOut: String?
  var serve: @Sendable (PageCall) async throws -> PageReply

  static func look(
    _ path: String, _ operation: String, access: Endpoint.Access = .anyone, fields: [FormField] = [],
    back: String = "/", serve: @escaping @Sendable (PageCall) async throws -> PageReply
  ) -> Page {
    Page(
      kind: .look, path: path, operation: operation, access: access, fields: fields, back: back, serve: serve)
  }

  static func form(
    _ path: String, _ operation: String, access: Endpoint.Access = .anyone, fields: [FormField] = [],
    back: String = "/", whenSignedOut: String? = nil, serve: @escaping @Sendable (PageCall) async throws -> PageReply
  ) -> Page {
    Page(
      kind: .form, path: path, operation: operation, access: access, fields: fields, back: back,
      whenSignedOut: whenSignedOut, serve: serve)
  }
}

/// A request for a page that was found to be as the page wants it.
struct PageCall: Sendable {
  /// Who is signed in; `nil` for nobody, and where nobody has to be.
  var identity: Identity?
  /// What the browser shows for its session; `nil` for nobody.
  var session: String?
  /// What the keys of this browser's forms are bound to.
  var binding: FormBinding
  /// The parameters of the path.
  var path: [String: String]
  /// The fields that were sent, those that are empty left out.
  var fields: [String: String]
  /// Its name, made when the form was shown; `nil` for a page that is only looked at.
  var operationID: OperationID?
  /// Where the request comes from, as limits count it; a personal datum, never to be logged.
  var address: String
  /// The cookies that the browser sent.
  var cookies: [String: String]
  /// How this server is reached: `https://host`.
  var origin: String
  /// The header fields that ranges are asked for with.
  var range: String?, ifRange: String?
  /// Whether only the head of the answer is wanted.
  var isHead: Bool

  /// The hidden field of a form that is sent to `path`: a new name each time.
  func key(for path: String) -> String { binding.newKey(for: path) }

  /// A parameter of the path, as the value that it spells.
  func value<Value>(_ name: String, _ make: (String) -> Value?) throws(Problem) -> Value {
    guard let text = path[name], let value = make(text) else {
      throw Problem(.notFound, "Check the address, or begin at the first page.")
    }
    return value
  }

  /// The name of what a form does.
  var operation: OperationID {
    get throws(Problem) {
      guard let operationID else { throw Problem(.invalid, "Open the page again, and send the form from there.") }
      return operationID
    }
  }
}

/// What a page answers.
struct PageReply: Sendable {
  enum Content: Sendable {
    /// A template and what it is filled with.
    case html(String, View)
    /// Another page, which is looked at.
    case seeOther(String)
    /// Octets to be kept as a file of this name.
    case file([UInt8], type: String, name: String)
    /// Octets that the page itself uses.
    case part([UInt8], type: String)
    /// A title's sealed file, or a range of it, to be kept under this name.
    case download(Reply, name: String)
  }

  var status: HTTPResponse.Status = .ok
  var content: Content
  var cookies: [Cookie] = []
  /// After how many seconds the browser looks again.
  var refreshSeconds: Int?

  /// Whether caches may hand it on, so that nothing in it may be one browser's own.
  var isForEverybody: Bool { if case .part = content { true } else { false } }

  static func html(_ template: String, _ view: View, status: HTTPResponse.Status = .ok) -> PageReply {
    PageReply(status: status, content: .html(template, view))
  }

  static func seeOther(_ location: String, _ cookies: [Cookie] = []) -> PageReply {
    PageReply(status: .seeOther, content: .seeOther(location), cookies: cookies)
  }
}
