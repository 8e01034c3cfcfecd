import ChallengeAccess
import Formats
import HTTPTypes
import Identifiers
import LicenseCenter
import Octets

/// Login of cards and machines by challenge and answer (C1, C3-C6, C8-C12). Records go as they are, in base64.
///
/// Whatever an answer is denied for, the outside hears the same; the reason is in the log. Neither step has an
/// idempotency key: a challenge changes nothing, and an answer is good once (C8). Whoever lost a token on the line begins
/// again.
enum LoginEndpoints {
  static func all(_ center: Center) -> [Endpoint] { [challenge(center), token(center), end(center)] }

  private static func challenge(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/login/challenges", "requestChallenge",
      """
      Begins a login: who asks, as what, and for which title. The answer is a message under the centre's signature, with \
      chance, a time stamp at an offset in it, and what the client must tell of its configuration.
      """,
      access: .anyone,
      body: .named(
        "ChallengeRequest",
        .object([
          .init(
            "request", .text(.base64(octets: 1...AccessRequest.maximumOctetCount)), "The record of an access request.")
        ])),
      answer: .json(
        .named(
          "Challenge",
          .object([
            .init("session", .text(.hexadecimal(octets: 16...16)), "What the answer has to be sent with."),
            .init(
              "challenge", .text(.base64(octets: 1...AccessChallenge.maximumOctetCount)),
              "The record of the challenge: the message, the centre's signature, and a proof for a card."),
            .init("expiresAt", .time, "Until when it may be answered, seconds since 1970 UTC."),
          ])), "The challenge."),
      problems: [.unauthenticated], repetition: .isHarmless
    ) { call in
      let request = try call.body.text("request", Schema.TextKind.octets(base64:))
      let invitation = try await center.access.invite(request)
      return .json([
        "session": .text(invitation.session.description), "challenge": .base64(invitation.challenge),
        "expiresAt": .integer(Int64(clamping: invitation.expiresAt)),
      ])
    }
  }

  private static func token(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/login/tokens", "getToken",
      "Answers a challenge under the client's own signature, and gets a token that is good for a short time.",
      access: .anyone,
      body: .named(
        "ChallengeAnswer",
        .object([
          .init("session", .text(.hexadecimal(octets: 16...16)), "The session of the challenge."),
          .init(
            "answer", .text(.base64(octets: 1...AccessAnswer.maximumOctetCount)),
            "The record of the answer: the message, the configuration data, and the client's signature over both."),
        ])),
      answer: .json(grantSchema, "Access.", status: .created), problems: [.unauthenticated], repetition: .isHarmless
    ) { call in
      let session = try call.body.text("session") { AccessSession($0) }
      let answer = try call.body.text("answer", Schema.TextKind.octets(base64:))
      return .json(document(try await center.access.admit(answer, in: session)), status: .created)
    }
  }

  private static func end(_ center: Center) -> Endpoint {
    Endpoint(
      .delete, "/v1/login/token", "endToken", "Gives the token back that it is sent with: it is worth nothing then.",
      access: .roles(Set(Role.allCases)),
      answer: .json(
        .named("EndedToken", .object([.init("ended", .boolean, "Whether it was one that can be given back.")])),
        "It is over."), repetition: .isHarmless, isForAnyTitle: true
    ) { call in
      guard let token = AccessToken(String(decoding: call.credential, as: UTF8.self)) else {
        return .json(["ended": false])
      }
      try await center.access.end(token)
      return .json(["ended": true])
    }
  }

  private static func document(_ grant: AccessGrant) -> JSON {
    var members: [String: JSON] = [
      "token": .text(grant.token.text), "client": .text(grant.permit.client.description),
      "role": .text(grant.permit.role.name), "expiresAt": .integer(Int64(clamping: grant.expiresAt)),
    ]
    if let title = grant.permit.softwareID { members["softwareID"] = .text(title.description) }
    return .object(members)
  }

  private static let grantSchema = Schema.named(
    "AccessGrant",
    .object([
      .init("token", .text(.plain(68...68)), "The token, for the header field Authorization: Bearer. A secret."),
      .init("client", .text(.plain(1...64)), "Who has access: a card's serial or a machine's id."),
      .init("role", .text(.choice(AccessRole.allCases.map(\.name))), "As what."),
      .init("softwareID", .softwareID, "The only title that it is for, if it was asked for.", isOptional: true),
      .init("expiresAt", .time, "Until when, seconds since 1970 UTC."),
    ]))
}
