import Cryptography
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Octets

/// The browser that a request comes from: its cookies, and who is signed in at it.
struct Visitor: Sendable {
  let cookies: [String: String]
  let origin: String
  let random: any RandomSource
  var identity: Identity?
  /// Whether the page is one for anybody, whoever is signed in.
  var isAnonymous = false
  private(set) var newCookies: [Cookie] = []
  private let visit: String

  init(_ request: Request, isSecure: Bool, _ random: any RandomSource) {
    cookies = Cookie.parse(request.headers[values: .cookie].joined(separator: ";"))
    origin = (isSecure ? "https://" : "http://") + (request.head.authority ?? "")
    self.random = random
    if let known = cookies[Cookie.visit], known.utf8.count == 32, Hex.decode(known) != nil {
      visit = known
    } else {
      visit = Hex.encode(random.octets(16))
      newCookies.append(Cookie(name: Cookie.visit, value: visit))
    }
  }

  /// A browser says where a form comes from, and ours come from here. One that says nothing, as old ones do, is known by the
  /// form's key alone; `null` is what it says for pages that send no referrer, as ours.
  func expectSameOrigin(_ request: Request) throws(Problem) {
    let foreign = Problem(.forbidden, "This form was sent from another site. Open the page here, and send it again.")
    if let site = request.headers[.secFetchSite] {
      guard site == "same-origin" else { throw foreign }
    } else if let sender = request.headers[.origin], sender != "null" {
      guard sender == origin else { throw foreign }
    }
  }

  /// The request as its page wants it, its fields still to be read.
  func call(_ request: Request, _ values: [String: String], _ address: ClientAddress) -> PageCall {
    let session = identity == nil ? nil : cookies[Cookie.session]
    return PageCall(
      identity: identity, session: session, binding: FormBinding(isAnonymous ? visit : session ?? visit, random),
      path: values, fields: [:], operationID: nil, address: address.description, cookies: cookies, origin: origin,
      range: request.headers[.range], ifRange: request.headers[.ifRange], isHead: request.method == .head)
  }

  /// What every page shows.
  func view(_ centerName: String) -> View {
    var view: View = ["center": centerName]
    guard let identity, let session = cookies[Cookie.session] else { return view }
    view["signedIn"] = true
    view["role"] = identity.roleNames
    view["signOutKey"] = FormBinding(session, random).newKey(for: "/sign-out")
    view["isHolder"] = identity.roles.contains(.holder)
    view["isCounter"] = identity.roles.contains(.counter)
    view["isReader"] = !identity.roles.isDisjoint(with: [.counter, .auditor])
    return view
  }
}

extension Identity {
  /// What somebody is signed in as, for people.
  var roleNames: String { roles.map(\.rawValue).sorted().joined(separator: ", ") }
}

extension HTTPField.Name {
  fileprivate static let secFetchSite = HTTPField.Name("Sec-Fetch-Site") ?? .origin
}
