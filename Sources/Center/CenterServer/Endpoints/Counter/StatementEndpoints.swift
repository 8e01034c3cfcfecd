import Formats
import HTTPTypes
import Identifiers
import LicenseCenter

/// A holder's own view, all of it of one moment.
enum StatementEndpoints {
  static func all(_ center: Center) -> [Endpoint] { [statement(center)] }

  private static func statement(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/statements/{card}", "getStatement",
      "What the centre has to tell a holder: the card, codes by title and state, balances, pay-back, what is under way.",
      access: .roles([.counter, .holder]), parameters: [.path("card", .cardSerial, "The card.")],
      answer: .json(schema, "The statement."), problems: [.notFound]
    ) { call in
      .json(document(try await center.statements.statement(of: try call.cardInPath)))
    }
  }

  private static func document(_ statement: HolderStatement) -> JSON {
    [
      "card": .object(CardEndpoints.members(statement.card, withPurchaser: true)),
      "codes": .array(
        statement.codes.map { line in
          [
            "softwareID": .text(line.softwareID.description), "title": .text(line.title),
            "state": .text(line.state.rawValue), "count": .number(line.count),
          ]
        }),
      "balances": .array(
        statement.balances.map { ["account": .money($0.account), "payback": .money($0.payback)] }),
      "hasPaymentMethod": .bool(statement.hasPaymentMethod),
      "payments": .number(statement.payments.count), "refunds": .number(statement.refunds.count),
      "grants": .number(statement.grants.count),
      "noticesUnread": .number(statement.notices.filter { $0.state != .read }.count),
    ]
  }

  private static let schema = Schema.named(
    "Statement",
    .object([
      .init("card", .named("CardFacts", .object(CardEndpoints.members)), "The card (Fig 8)."),
      .init(
        "codes",
        .array(
          .named(
            "CodeCount",
            .object([
              .init("softwareID", .softwareID, "The title."),
              .init("title", .text(.plain(1...600)), "Its name and version."),
              .init("state", .text(.choice(CodeEndpoints.stateNames)), "Where they stand."),
              .init("count", .count, "How many."),
            ])), limit: Int.max), "Codes by title and state."),
      .init(
        "balances",
        .array(
          .named(
            "HolderBalance",
            .object([
              .init("account", .money, "On the account: positive is credit, negative is owed."),
              .init("payback", .money, "Pay-back that is granted and not paid out."),
            ])), limit: Int.max), "One for each currency that ever moved."),
      .init("hasPaymentMethod", .boolean, "Whether bills are collected from a means of payment."),
      .init("payments", .count, "How many payments there were; they are listed elsewhere."),
      .init("refunds", .count, "How many refunds."), .init("grants", .count, "How many grants of pay-back."),
      .init("noticesUnread", .count, "How many notices were not opened yet."),
    ]))
}
