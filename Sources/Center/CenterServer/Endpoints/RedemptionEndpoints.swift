import Formats
import HTTPTypes
import Identifiers
import LicenseCenter

/// Redeeming codes (P4, P17, P23): for whoever has one, with an account or without.
///
/// Codes travel in bodies and tickets in the header field `Authorization: Ticket …`, never in addresses, which logs and
/// other servers see.
enum RedemptionEndpoints {
  static func all(_ center: Center) -> [Endpoint] {
    [begin(center), progress(center), file(center), acknowledge(center), giveUp(center)]
  }

  private static func begin(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/redemptions", "redeemCode",
      """
      Redeems a code, or a code for copying. It is the caller's from then on, who has a ticket to download with. The same \
      code under the same key gets the same ticket. A code that is unknown, in use, used, expired or taken back gets one \
      answer. Failures are counted for whoever sends a token, else for the address.
      """,
      access: .anyoneOrKnown, body: codeSchema, answer: .json(grantSchema, "The code is yours.", status: .created),
      problems: [.refused, .unprocessable, .conflict], repetition: .keepsItsAnswer, isForAnyTitle: true
    ) { call in
      let code = try call.retrievalCode
      guard let key = try call.request?.idempotencyKey else { throw Problem(.invalid, "There is no key.") }
      let client = RedeemingClient(identity: call.identity?.name, address: call.origin)
      let request = try center.redemption.prepare(RedemptionRequest(code: code, key: key, client: client))
      return try await call.once(at: center) { transaction in
        switch try center.redemption.begin(request, in: transaction) {
        case .granted(let grant): return .json(document(grant), status: .created)
        case .refused:
          return .problem(
            Problem(.refused, "This code buys nothing here; compare it with the sheet, or ask who sold it."), to: call)
        case .tooManyAttempts(let seconds):
          throw CenterError(
            .tooManyAttempts(retryAfter: seconds), "Redeeming a code", remedy: "Wait before you try another code.")
        }
      }
    }
  }

  private static func progress(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/redemptions/ticket", "getRedemption",
      "How far the download with this ticket has come; with the file's key, once its last octet was acknowledged.",
      access: .ticket, answer: .json(progressSchema, "How far it is.")
    ) { call in .json(document(try await center.redemption.progress(try call.ticket))) }
  }

  private static func file(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/redemptions/ticket/file", "downloadTitle",
      """
      The sealed file that the code buys, or a part of it. Asking for octets from some place on says that all before it \
      arrived; nobody begins behind what was sent already.
      """,
      access: .ticket, parameters: RangedFile.parameters, answer: RangedFile.answer("The whole file."),
      problems: [.range, .conflict]
    ) { call in try await reply(to: call, with: try call.ticket, at: center) }
  }

  /// Sends the file that a ticket is good for, or the part of it that was asked for.
  static func reply(to call: Call, with ticket: DownloadTicket, at center: Center) async throws -> Reply {
    let redemption = center.redemption
    let progress = try await redemption.progress(ticket)
    guard !progress.isDone else {
      throw Problem(.conflict, "It was downloaded already; each code buys one download.")
    }
    let file = RangedFile(octets: progress.octets, digest: progress.digest) { part, start in
      try await redemption.open(ticket, range: part, acknowledged: start)
    }
    return try await file.reply(to: call, startingBy: progress.delivered)
  }

  private static func acknowledge(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/redemptions/ticket/acknowledgements", "acknowledgeOctets",
      """
      Says how many octets of the file are safe at the client. With the last one the code is used, and the answer has the \
      file's key.
      """,
      access: .ticket,
      body: .named(
        "Acknowledgement",
        .object([.init("octets", .integer(0...Int64.max), "All octets before this one are on the client's disk.")])),
      answer: .json(progressSchema, "How far it is."), problems: [.unprocessable], repetition: .keepsItsAnswer
    ) { call in
      guard case .integer(let octets) = call.body["octets"] else { throw Problem(.invalid, "octets is missing.") }
      let (ticket, redemption) = (try call.ticket, center.redemption)
      return try await call.once(at: center) { transaction in
        .json(document(try redemption.acknowledge(ticket, upTo: UInt64(clamping: octets), in: transaction)))
      }
    }
  }

  private static func giveUp(_ center: Center) -> Endpoint {
    Endpoint(
      .delete, "/v1/redemptions/ticket", "giveUpRedemption",
      "Gives a download up that is not done: the ticket is worth nothing then, and the code can be redeemed again.",
      access: .ticket,
      answer: .json(
        .named("GivenUp", .object([.init("state", .text(.choice(["unused"])), "Where the code stands.")])),
        "It is given up."), problems: [.conflict], repetition: .keepsItsAnswer
    ) { call in
      let (ticket, seats) = (try call.ticket, center.seatRecovery)
      return try await call.once(at: center) { transaction in
        try seats.giveUp(ticket, in: transaction)
        return .json(["state": "unused"])
      }
    }
  }
}

// MARK: Documents

extension RedemptionEndpoints {
  private static func document(_ grant: DownloadGrant) -> JSON {
    var members: [String: JSON] = [
      "ticket": .text(grant.ticket.text), "softwareID": .text(grant.softwareID.description), "name": .text(grant.name),
      "version": .text(grant.version), "type": .text(grant.type.rawValue),
      "octets": .integer(Int64(clamping: grant.octets)), "digest": .base64(grant.digest),
    ]
    if let expiry = grant.expiry { members["expiry"] = .integer(Int64(clamping: expiry)) }
    return .object(members)
  }

  private static func document(_ progress: DownloadProgress) -> JSON {
    var members: [String: JSON] = [
      "state": progress.isDone ? "used" : "inUse", "softwareID": .text(progress.softwareID.description),
      "octets": .integer(Int64(clamping: progress.octets)), "digest": .base64(progress.digest),
      "delivered": .integer(Int64(clamping: progress.delivered)),
      "acknowledged": .integer(Int64(clamping: progress.acknowledged)),
    ]
    if let key = progress.wrappedContentKey { members["wrappedContentKey"] = .base64(key) }
    return .object(members)
  }

  /// A body with a code in it.
  static let codeSchema = Schema.named(
    "Code",
    .object([
      .init(
        "code", .text(.ascii(1...64)),
        "16 symbols and a check symbol as they are on the sheet; case, spaces and hyphens do not matter.")
    ]))

  private static let digest = Schema.text(.base64(octets: 32...32))

  private static let grantSchema = Schema.named(
    "DownloadGrant",
    .object([
      .init(
        "ticket", .text(.hexadecimal(octets: 32...32)),
        "What the download goes on with: Authorization: Ticket. A secret."),
      .init("softwareID", .softwareID, "SIDi: the title."),
      .init("name", .text(.plain(1...256)), "Its name."),
      .init("version", .text(.plain(1...256)), "Its version."),
      .init("type", .text(.choice(TitleType.allCases.map(\.rawValue))), "What it is."),
      .init("octets", .integer(0...Int64.max), "Octets of the sealed file."),
      .init("digest", digest, "SHA-256 over the SHA-256 of each piece of the sealed file."),
      .init(
        "expiry", .time, "When everything that comes from the code dies, seconds since 1970 UTC.", isOptional: true),
    ]))

  private static let progressSchema = Schema.named(
    "DownloadProgress",
    .object([
      .init("state", .text(.choice(["inUse", "used"])), "Where the code stands."),
      .init("softwareID", .softwareID, "SIDi: the title."),
      .init("octets", .integer(0...Int64.max), "Octets of the sealed file."),
      .init("digest", digest, "SHA-256 over the SHA-256 of each piece of the sealed file."),
      .init("delivered", .integer(0...Int64.max), "All octets before this one were sent."),
      .init("acknowledged", .integer(0...Int64.max), "All octets before this one arrived, as the client said."),
      .init(
        "wrappedContentKey", .text(.base64(octets: 1...128)), "The file's key, wrapped for the ticket.",
        isOptional: true),
    ]))
}

extension Call {
  /// The code in a body of ``RedemptionEndpoints/codeSchema``.
  ///
  /// - Throws: a ``Problem`` that says what is mistyped, before anything is looked up.
  var retrievalCode: RetrievalCode {
    get throws(Problem) {
      let text = try body.text("code") { $0 }
      do { return try RetrievalCode(typed: text) } catch { throw Problem(.unprocessable, error.description) }
    }
  }
}
