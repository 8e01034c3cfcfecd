import Formats
import HTTPTypes
import Identifiers
import LicenseCenter

/// What the counter does about redemption: titles handed over off-line (P9), and seats of clients that are lost. And, for
/// anybody, which titles are published.
enum ProvisionEndpoints {
  static func all(_ center: Center) -> [Endpoint] {
    [publication(center), provide(center), file(center), seats(center), recover(center), retire(center)]
  }

  private static func publication(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/titles/{softwareID}/publication", "getPublication",
      "The sealed file that a title's codes buy now.", access: .anyone,
      parameters: [.path("softwareID", .softwareID, "SIDi.")],
      answer: .json(
        .named(
          "Publication",
          .object([
            .init("softwareID", .softwareID, "SIDi: the title."),
            .init("octets", .integer(0...Int64.max), "Octets of the file."),
            .init("digest", digest, "SHA-256 over the SHA-256 of each piece of the file."),
            .init("publishedAt", .time, "When it was put there, seconds since 1970 UTC."),
          ])), "What is published."), problems: [.notFound]
    ) { call in
      let softwareID = try call.text("softwareID") { SoftwareID($0) }
      guard let published = try await center.titleStore.published(softwareID) else {
        throw Problem(.notFound, "The title is not published.")
      }
      return .json([
        "softwareID": .text(published.softwareID.description), "octets": .integer(Int64(clamping: published.octets)),
        "digest": .base64(published.digest), "publishedAt": .integer(Int64(clamping: published.publishedAt)),
      ])
    }
  }

  private static func provide(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/redemptions/off-line", "provideOffLine",
      """
      Uses a code for a file that is handed over without a network: the head in this answer, and behind it the sealed file \
      of the publication that it names. Whoever has the code opens it.
      """,
      access: .roles([.counter]), body: RedemptionEndpoints.codeSchema,
      answer: .json(
        .named(
          "OfflineProvision",
          .object([
            .init("number", .integer(0...Int64.max), "The provision's number."),
            .init("softwareID", .softwareID, "SIDi: the title."),
            .init("publication", .integer(1...Int64.max), "The number of the sealed file."),
            .init("octets", .integer(0...Int64.max), "Its octets."),
            .init("digest", digest, "SHA-256 over the SHA-256 of each piece of it."),
            .init("head", .text(.base64(octets: 1...2048)), "What the file that is handed over begins with."),
          ])), "The code is used.", status: .created), problems: [.refused, .unprocessable, .conflict],
      repetition: .keepsItsAnswer
    ) { call in
      let code = try call.retrievalCode
      guard let operation = call.operationID else { throw Problem(.invalid, "There is no key.") }
      return try await call.once(at: center) { transaction in
        let (provision, publication) = try center.offlineCounter.provide(code, operation: operation, in: transaction)
        return .json(
          [
            "number": .integer(Int64(clamping: provision.number)),
            "softwareID": .text(provision.softwareID.description), "publication": .integer(publication),
            "octets": .integer(Int64(clamping: provision.octets)), "digest": .base64(provision.digest),
            "head": .base64(provision.fileHead),
          ], status: .created)
      }
    }
  }

  private static func file(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/publications/{number}/file", "getPublishedFile",
      "A publication's sealed file, to be handed over behind the head of an off-line provision.",
      access: .roles([.counter]),
      parameters: [.path("number", .integer(1...Int64.max), "The publication's number.")] + RangedFile.parameters,
      answer: RangedFile.answer("The whole file."), problems: [.notFound, .range]
    ) { call in
      guard case .integer(let number) = call.parameters["number"] else { throw Problem(.invalid, "number is missing.") }
      let (title, slice) = try await center.titleStore.file(number)
      let file = RangedFile(octets: title.octets, digest: title.digest, open: { _, _ in slice })
      return try await file.reply(to: call)
    }
  }

  private static func seats(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/redemptions/seats", "listSeats",
      "The seats of a code, or of a code for copying, that clients have taken.", access: .roles([.counter]),
      body: RedemptionEndpoints.codeSchema,
      answer: .json(
        .named("SeatList", .object([.init("seats", .array(seatSchema, limit: CopyRights.mostCopies), "The seats.")])),
        "The seats."), problems: [.notFound, .unprocessable], repetition: .isHarmless
    ) { call in
      let seats = try await center.seatRecovery.seats(of: try call.retrievalCode)
      return .json([
        "seats": .array(
          seats.map { seat in
            [
              "seat": .integer(Int64(seat.number)), "begunAt": .integer(Int64(clamping: seat.begunAt)),
              "acknowledged": .integer(Int64(clamping: seat.acknowledged)),
              "octets": .integer(Int64(clamping: seat.octets)), "isDone": .bool(seat.isDone),
            ]
          })
      ])
    }
  }

  private static func recover(_ center: Center) -> Endpoint {
    let seat = Schema.integer(0...Int64(CopyRights.mostCopies))
    return Endpoint(
      .post, "/v1/redemptions/recoveries", "recoverSeat",
      "Takes the seat of a client back that is lost before it had everything: the code can be redeemed again.",
      access: .roles([.counter]),
      body: .named(
        "SeatRecovery",
        .object([
          .init("code", .text(.ascii(1...64)), "The code, or the code for copying."),
          .init("seat", seat, "Which seat: 0 for that of the code itself, from 1 on for those of copies."),
        ])),
      answer: .json(
        .named("FreeSeat", .object([.init("seat", seat, "The seat that is free now.")])), "It is free."),
      problems: [.notFound, .conflict, .unprocessable], repetition: .keepsItsAnswer
    ) { call in
      guard case .integer(let seat) = call.body["seat"] else { throw Problem(.invalid, "seat is missing.") }
      let (code, recovery) = (try call.retrievalCode, center.seatRecovery)
      return try await call.once(at: center) { transaction in
        try recovery.recover(code, seat: Int(seat), in: transaction)
        return .json(["seat": .integer(seat)])
      }
    }
  }

  private static func retire(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/redemptions/retirements", "retireCode",
      """
      Ends a code, whatever became of it, with its copies and every key that comes from it (P8): the communication that it \
      was for is over.
      """,
      access: .roles([.counter]), body: RedemptionEndpoints.codeSchema,
      answer: .json(
        .named("RetiredCode", .object([.init("state", .text(.choice(["voided"])), "Where the code stands.")])),
        "It is over."), problems: [.notFound, .conflict, .unprocessable]
    ) { call in
      try await center.seatRecovery.retire(try call.retrievalCode)
      return .json(["state": "voided"])
    }
  }

  private static let digest = Schema.text(.base64(octets: 32...32))

  private static let seatSchema = Schema.named(
    "Seat",
    .object([
      .init("seat", .integer(0...Int64(CopyRights.mostCopies)), "Its number: 0 for that of the code itself."),
      .init("begunAt", .time, "When its client began, seconds since 1970 UTC."),
      .init("acknowledged", .integer(0...Int64.max), "Octets that its client said it has."),
      .init("octets", .integer(0...Int64.max), "Octets of the file."),
      .init("isDone", .boolean, "Whether its client has everything: then it cannot be taken back."),
    ]))
}
