import ChallengeAccess
import HTTPTypes
import LicenseCenter

/// Codes by which people sign in at a browser.
enum SignInEndpoints {
  static func all(_ center: Center) -> [Endpoint] { [offer(center)] }

  private static func offer(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/sign-in-codes", "makeSignInCode",
      "Makes a code by which the caller, who logged in by card, signs in at a browser, once and within ten minutes.",
      access: .roles([.holder]), answer: .json(schema, "The code.", status: .created),
      problems: [.notFound, .conflict, .unprocessable]
    ) { call in
      guard let operationID = call.operationID, let card = call.identity?.card else {
        throw Problem(.forbidden, "You did not log in by card.")
      }
      let offer = try await center.signIn.offer(.holder, to: .card(card), operation: operationID)
      return .json(
        ["code": .text(offer.code.text), "expiresAt": .integer(Int64(clamping: offer.expiresAt))], status: .created)
    }
  }

  private static let schema = Schema.named(
    "SignInCode",
    .object([
      .init("code", .text(.plain(21...21)), "What is typed at /sign-in. A secret."),
      .init("expiresAt", .time, "Until when it may be used, seconds since 1970 UTC."),
    ]))
}
