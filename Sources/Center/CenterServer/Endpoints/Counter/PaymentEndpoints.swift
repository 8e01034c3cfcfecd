import Formats
import HTTPTypes
import Identifiers
import LicenseCenter

/// Means of payment, and what is collected from them.
enum PaymentEndpoints {
  static func all(_ center: Center) -> [Endpoint] {
    [
      file(center), forget(center), list(center), payment(center), underWay(center), collect(center), void(center),
      reconcile(center), disagreements(center),
    ]
  }

  private static let cardInPath = Endpoint.Parameter.path("card", .cardSerial, "The card.")
  private static let inPath = Endpoint.Parameter.path("payment", .operation, "The payment's name.")

  private static func file(_ center: Center) -> Endpoint {
    Endpoint(
      .put, "/v1/cards/{card}/payment-method", "filePaymentMethod",
      "Files a holder's means of payment, in place of an earlier one. It is sealed, and never answered.",
      access: .roles([.counter, .holder]), parameters: [cardInPath],
      body: .named(
        "NewPaymentMethod",
        .object([
          .init("token", .text(.plain(1...PaymentMethod.maximumOctetCount)), "The processor's name for it. A secret.")
        ])), answer: .json(.done, "It is on file."), problems: [.notFound, .conflict, .unprocessable]
    ) { call in
      guard let method = PaymentMethod(token: try call.body.text("token") { $0 }) else {
        throw Problem(.unprocessable, "A means of payment has at most \(PaymentMethod.maximumOctetCount) octets.")
      }
      try await center.payments.file(method, for: try call.cardInPath, operation: try call.operation)
      return .done
    }
  }

  private static func forget(_ center: Center) -> Endpoint {
    Endpoint(
      .delete, "/v1/cards/{card}/payment-method", "forgetPaymentMethod",
      "Forgets a holder's means of payment; further bills stay on the account.",
      access: .roles([.counter, .holder]), parameters: [cardInPath], answer: .json(.done, "There is none on file."),
      problems: [.conflict]
    ) { call in
      try await center.payments.forgetMethod(of: try call.cardInPath, operation: try call.operation)
      return .done
    }
  }

  private static func list(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/cards/{card}/payments", "listPayments", "The payments of a holder, oldest first.",
      access: .roles([.counter, .holder, .auditor]), parameters: [cardInPath] + Paging.parameters(after: .operation),
      answer: .json(page, "One page.")
    ) { call in
      let (card, after) = (try call.cardInPath, try call.after { OperationID($0) })
      return try await answer(call) { try await center.payments.payments(of: card, after: after, limit: $0) }
    }
  }

  private static func payment(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/payments/{payment}", "getPayment", "How far a payment has come.",
      access: .roles([.counter, .auditor]), parameters: [inPath], answer: .json(schema, "The payment."),
      problems: [.notFound]
    ) { call in
      .json(document(try await center.payments.payment(try call.text("payment") { OperationID($0) })))
    }
  }

  private static func underWay(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/payments/under-way", "listPaymentsUnderWay", "The payments whose fate is not known yet, oldest first.",
      access: .roles([.counter, .auditor]), parameters: Paging.parameters(after: .operation),
      answer: .json(page, "One page.")
    ) { call in
      let after = try call.after { OperationID($0) }
      return try await answer(call) { try await center.payments.paymentsUnderWay(after: after, limit: $0) }
    }
  }

  private static func collect(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/payments", "collectDebt",
      "Collects what a holder owes in one currency from the means of payment on file.", access: .roles([.counter]),
      body: .named(
        "Collection",
        .object([
          .init("card", .cardSerial, "The holder's card."), .init("currency", .currency, "In which currency."),
        ])),
      answer: .json(
        .named(
          "CollectedDebt",
          .object([
            .init("payment", .operation, "The payment's name; how far it has come is told under it."),
            .init("amount", .money, "How much."),
          ])), "The amount is set aside, and will be taken.", status: .created),
      problems: [.notFound, .conflict, .payment, .unprocessable]
    ) { call in
      let payment = try await center.payments.collect(
        from: try call.cardInBody, in: try call.body.text("currency") { Currency($0) }, operation: try call.operation)
      return .json(
        ["payment": .text(payment.payment.description), "amount": .money(payment.amount)], status: .created)
    }
  }

  private static func void(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/payments/{payment}/void", "voidPayment",
      "Gives up a payment for which nothing was sold: what is set aside is let go.", access: .roles([.counter]),
      parameters: [inPath],
      answer: .json(
        .named("VoidedPayment", .object([.init("bill", .text(.plain(1...200)), "The bill that it was for.")])),
        "It is given up."), problems: [.notFound, .conflict]
    ) { call in
      .json(["bill": .text(try await center.payments.void(try call.text("payment") { OperationID($0) }))])
    }
  }

  /// What came of it is not in the answer, which has to stay the same: it is in the list of what is under way.
  private static func reconcile(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/payments/reconcile", "reconcilePayments",
      "Asks the processor again about everything whose fate is not known, and lets go what nothing was sold for.",
      access: .roles([.counter]), answer: .json(.done, "It was asked."), problems: [.conflict]
    ) { _ in
      _ = try await center.payments.reconcile()
      return .done
    }
  }

  private static func disagreements(_ center: Center) -> Endpoint {
    let members: [Schema.Member] = [
      .init("payment", schema, "The payment as the centre has it."),
      .init(
        "processorState", .text(.plain(1...64)), "How far it has come at the processor, if it knows of it.",
        isOptional: true),
    ]
    return Endpoint(
      .get, "/v1/payments/disagreements", "listDisagreements",
      "The settled payments that the processor has otherwise. It is asked about all of them.",
      access: .roles([.counter, .auditor]),
      answer: .json(
        .named(
          "DisagreementList",
          .object([
            .init(
              "disagreements", .array(.named("PaymentDisagreement", .object(members)), limit: Int.max),
              "None, if all is well.")
          ])), "What was found."), problems: [.conflict]
    ) { _ in
      let found = try await center.payments.disagreements().map { one in
        JSON.members([
          "payment": document(one.record), "processorState": one.standing.map { .text($0.state.rawValue) },
        ])
      }
      return .json(["disagreements": .array(found)])
    }
  }
}

// MARK: Documents

extension PaymentEndpoints {
  private static func answer(
    _ call: Call, fetch: (_ limit: Int) async throws -> [PaymentRecord]
  ) async throws -> Reply {
    try await Paging.page(
      call, "payments", next: { .text($0.payment.description) }, document: document, fetch: fetch)
  }

  private static func document(_ payment: PaymentRecord) -> JSON {
    .members([
      "payment": .text(payment.payment.description), "bill": .text(payment.bill),
      "card": .text(payment.cardSerial.description), "processor": .text(payment.processor),
      "amount": .money(payment.amount), "state": .text(payment.state.rawValue), "refunded": .money(payment.refunded),
      "openedAt": .number(payment.openedAt), "closedAt": payment.closedAt.map { .number($0) },
    ])
  }

  private static let page = Paging.schema("PaymentPage", "payments", of: schema, next: .operation)

  private static let schema = Schema.named(
    "Payment",
    .object([
      .init("payment", .operation, "Its name at the processor."),
      .init("bill", .text(.plain(1...200)), "The operation of the ledger that it pays."),
      .init("card", .cardSerial, "Whose means of payment."), .init("processor", .text(.plain(1...64)), "With whom."),
      .init("amount", .money, "How much."),
      .init("state", .text(.choice(PaymentRecord.State.allCases.map(\.rawValue))), "How far it has come."),
      .init("refunded", .money, "How much of it was paid back, or is about to be."),
      .init("openedAt", .time, "When it was opened, seconds since 1970 UTC."),
      .init("closedAt", .time, "When its state became the last one.", isOptional: true),
    ]))
}
