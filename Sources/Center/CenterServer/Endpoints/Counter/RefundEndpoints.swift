import Formats
import HTTPTypes
import Identifiers
import LicenseCenter

/// Codes taken back, and charges given up.
enum RefundEndpoints {
  static func all(_ center: Center) -> [Endpoint] { [refund(center), giveUp(center), list(center)] }

  private static func refund(_ center: Center) -> Endpoint {
    let members: [Schema.Member] = [
      .init("card", .cardSerial, "The card that they were sold with."),
      .init("charge", .operation, "All unused codes of this charge; or a sheet, or one code.", isOptional: true),
      .init("sheet", .number, "All unused codes of this sheet; or a charge, or one code.", isOptional: true),
      .init("code", .text(.plain(1...64)), "This one code, if it is unused; or a charge or a sheet.", isOptional: true),
      .init(
        "destination", .text(.choice(RefundDestination.allCases.map(\.rawValue))),
        "To the holder's account, in cash over the counter, or to the means of payment that it came from."),
    ]
    return Endpoint(
      .post, "/v1/refunds", "refundCodes",
      "Takes unused codes back: they are worth nothing from now on, and their price is the holder's again.",
      access: .roles([.counter]), body: .named("RefundOrder", .object(members)),
      answer: .json(schema, "The refund.", status: .created), problems: [.notFound, .conflict, .unprocessable]
    ) { call in
      let body = call.body
      let source: RefundSource
      switch (body["charge"], body["sheet"], body["code"]) {
      case (let charge?, nil, nil): source = .charge(try charge.spelled { OperationID($0) })
      case (nil, .some, nil): source = .sheet(try body.number("sheet"))
      case (nil, nil, .some): source = .code(try CodeEndpoints.code(body))
      default: throw Problem(.unprocessable, "Name one of a charge, a sheet and a code.")
      }
      let order = RefundOrder(
        operationID: try call.operation, cardSerial: try call.cardInBody, source: source,
        destination: try body.text("destination", RefundDestination.init(rawValue:)))
      return .json(document(try await center.refunds.refund(order)), status: .created)
    }
  }

  /// P6: what is decided then is decided for ever.
  private static func giveUp(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/refunds/charges/{charge}", "giveUpCharge",
      """
      Gives an open charge up whose card will not come back. Its codes are worth nothing, on the card too, and what was \
      paid for them is paid back.
      """,
      access: .roles([.counter]), parameters: [.path("charge", .operation, "The charge's name.")],
      answer: .json(CardEndpoints.chargeSchema, "The charge."), problems: [.notFound, .conflict]
    ) { call in
      .json(CardEndpoints.document(try await center.charging.refund(try call.text("charge") { OperationID($0) })))
    }
  }

  private static func list(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/cards/{card}/refunds", "listRefunds", "The refunds of a card, oldest first.",
      access: .roles([.counter, .holder, .auditor]),
      parameters: [.path("card", .cardSerial, "The card.")] + Paging.parameters(after: .operation),
      answer: .json(Paging.schema("RefundPage", "refunds", of: schema, next: .operation), "One page.")
    ) { call in
      let (card, after) = (try call.cardInPath, try call.after { OperationID($0) })
      return try await Paging.page(
        call, "refunds", next: { .text($0.operationID.description) }, document: document
      ) { try await center.refunds.refunds(of: card, after: after, limit: $0) }
    }
  }

  private static func document(_ refund: RefundOutcome) -> JSON {
    [
      "operation": .text(refund.operationID.description), "card": .text(refund.cardSerial.description),
      "codes": .number(refund.codes), "price": .money(refund.price), "recovered": .money(refund.recovered),
      "paid": .money(refund.paid), "refundedAt": .number(refund.refundedAt),
    ]
  }

  private static let schema = Schema.named(
    "Refund",
    .object([
      .init("operation", .operation, "Its name."), .init("card", .cardSerial, "The card."),
      .init("codes", .count, "How many codes are worth nothing now."),
      .init("price", .money, "What they had cost, and is on the holder's account again."),
      .init("recovered", .money, "What of it went to pay-back that no longer stands."),
      .init("paid", .money, "What of it left the account; the rest stays there, since a debt is paid first."),
      .init("refundedAt", .time, "When, seconds since 1970 UTC."),
    ]))
}
