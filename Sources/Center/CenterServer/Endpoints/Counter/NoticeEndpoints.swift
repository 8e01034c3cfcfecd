import Formats
import HTTPTypes
import Identifiers
import LicenseCenter

/// Notices to holders, sealed for their cards (P18). Whoever fetches them, nobody but the card opens them.
enum NoticeEndpoints {
  static func all(_ center: Center) -> [Endpoint] { [send(center), fetch(center), states(center), read(center)] }

  private static let noticeNumber = Schema.integer(1...Int64(UInt32.max))
  private static let inPath = Endpoint.Parameter.path("card", .cardSerial, "The card.")

  private static func send(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/notices", "sendNotice",
      "Sends a holder a text that only their card opens. The centre does not keep it.",
      access: .roles([.counter]),
      body: .named(
        "NewNotice",
        .object([
          .init("card", .cardSerial, "The holder's card."),
          .init("text", .text(.plain(1...Notice.textOctets)), "What to tell."),
        ])),
      answer: .json(
        .named("SentNotice", .object([.init("notice", noticeNumber, "Its number.")])), "It waits for the holder.",
        status: .created), problems: [.notFound, .conflict, .unprocessable]
    ) { call in
      let number = try await center.notices.send(
        try call.body.text("text") { $0 }, to: try call.cardInBody, operation: try call.operation)
      return .json(["notice": .number(number)], status: .created)
    }
  }

  /// That a notice was fetched is noted; fetched again, it is the same.
  private static func fetch(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/cards/{card}/notices", "fetchNotices",
      "The notices for a card, sealed, oldest first. From now on they count as delivered.",
      access: .roles([.holder]), parameters: [inPath] + Paging.parameters(after: noticeNumber),
      answer: .json(Paging.schema("NoticePage", "notices", of: schema, next: noticeNumber), "One page.")
    ) { call in
      let (card, after) = (try call.cardInPath, UInt32(clamping: call.afterNumber))
      let count = Paging.count(call)
      // One more is not fetched to see whether there is one: it would count as delivered.
      let notices = try await center.notices.fetch(of: card, after: after, limit: count)
      var members: [String: JSON] = ["notices": .array(notices.map(document))]
      if notices.count == count, let last = notices.last { members["next"] = .number(last.number) }
      return .json(.object(members))
    }
  }

  private static func states(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/cards/{card}/notices/states", "listNoticeStates", "How far the notices for a card have come.",
      access: .roles([.counter, .holder, .auditor]), parameters: [inPath] + Paging.parameters(after: noticeNumber),
      answer: .json(Paging.schema("NoticeStatePage", "notices", of: stateSchema, next: noticeNumber), "One page.")
    ) { call in
      let (card, after) = (try call.cardInPath, UInt32(clamping: call.afterNumber))
      return try await Paging.page(
        call, "notices", next: { .number($0.number) },
        document: { record in
          [
            "notice": .number(record.number), "state": .text(record.state.rawValue), "madeAt": .number(record.madeAt),
          ]
        }
      ) { try await center.notices.records(of: card, after: after, limit: $0) }
    }
  }

  private static func read(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/notices/{notice}/read", "acknowledgeNotice",
      "Says that a notice was opened, and proves it by what came out with the text.",
      access: .roles([.holder]), parameters: [.path("notice", noticeNumber, "The notice's number.")],
      body: .named(
        "NoticeReceipt",
        .object([
          .init("card", .cardSerial, "The card that opened it."),
          .init(
            "acknowledgement",
            .text(.base64(octets: SealedNotice.acknowledgementOctets...SealedNotice.acknowledgementOctets)),
            "What came out with the text."),
        ])), answer: .json(.done, "It is noted."), problems: [.notFound]
    ) { call in
      try await center.notices.acknowledge(
        UInt32(clamping: try call.number("notice")), of: try call.cardInBody,
        with: try call.body.text("acknowledgement", Schema.TextKind.octets(base64:)))
      return .done
    }
  }

  private static func document(_ notice: SealedNotice) -> JSON {
    [
      "notice": .number(notice.number), "time": .number(notice.time), "record": .base64(notice.encoded),
    ]
  }

  private static let schema = Schema.named(
    "SealedNotice",
    .object([
      .init("notice", noticeNumber, "Its number."), .init("time", .time, "When it was made, seconds since 1970 UTC."),
      .init(
        "record", .text(.base64(octets: 1...SealedNotice.maximumOctetCount)), "The notice, as the card opens it (P18)."),
    ]))

  private static let stateSchema = Schema.named(
    "NoticeState",
    .object([
      .init("notice", noticeNumber, "Its number."),
      .init("state", .text(.choice(["waiting", "delivered", "read"])), "How far it has come."),
      .init("madeAt", .time, "When it was made, seconds since 1970 UTC."),
    ]))
}
