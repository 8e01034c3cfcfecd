import Formats
import HTTPTypes
import LicenseCenter

/// Signing in by a code used once, and out.
struct SignInPages: Sendable {
  let center: Center

  static let path = "/sign-in"

  var all: [Page] {
    [
      .look(SignInPages.path, "showSignIn") { SignInPages.form($0) },
      .form(
        SignInPages.path, "signIn", fields: [.optional("code", limit: 64)], back: SignInPages.path, serve: signIn),
      .form("/sign-out", "signOut", access: .roles(Set(Role.allCases)), whenSignedOut: "/", serve: signOut),
    ]
  }

  private static func form(_ call: PageCall, fault: String? = nil) -> PageReply {
    var view: View = ["key": call.key(for: path), "origin": call.origin]
    if let fault { view["fault"] = fault }
    return .html("sign-in", view, status: fault == nil ? .ok : .unprocessableContent)
  }

  private func signIn(_ call: PageCall) async throws -> PageReply {
    guard let typed = call.fields["code"] else { return SignInPages.form(call, fault: "Type your sign-in code.") }
    let code: SignInCode
    do throws(RetrievalCodeError) {
      code = try SignInCode(typed: typed)
    } catch {
      return SignInPages.form(call, fault: error.advice)
    }
    switch try await center.signIn.signIn(code, operation: try call.operation, from: call.address) {
    case .granted(let grant):
      let seconds = grant.identity.expiresAt - min(grant.identity.expiresAt, center.clock.now())
      let cookie = Cookie(name: Cookie.session, value: grant.token.text, seconds: seconds)
      return .seeOther(Identity(grant.identity).firstPage, [cookie])
    case .refused:
      return SignInPages.form(
        call, fault: "This code lets nobody in: it was used, or is over ten minutes old. Ask for a new one.")
    case .tooManyAttempts(let seconds):
      var reply = SignInPages.form(
        call, fault: "Too many codes were tried. Wait \(Shown.count(Int(seconds), "second")), then try again.")
      reply.status = .tooManyRequests
      return reply
    }
  }

  private func signOut(_ call: PageCall) async throws -> PageReply {
    if let session = call.session, let token = AccessToken(session) { try await center.access.end(token) }
    return .seeOther("/", [Cookie(name: Cookie.session, value: "")])
  }
}

extension Identity {
  /// Where somebody begins who signed in.
  fileprivate var firstPage: String {
    if roles.contains(.counter) { "/counter" } else if roles.contains(.holder) { "/holder" } else { "/counter/audit" }
  }
}
