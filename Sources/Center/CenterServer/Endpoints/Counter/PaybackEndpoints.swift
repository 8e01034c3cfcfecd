import Formats
import HTTPTypes
import Identifiers
import LicenseCenter

/// Pay-back (P7): rules that the counter sets, what they granted, and how holders get it.
enum PaybackEndpoints {
  static func all(_ center: Center) -> [Endpoint] {
    [
      rules(center), add(center), end(center), worths(center), setWorth(center), introduce(center), grants(center),
      payOut(center), exchange(center),
    ]
  }

  private static func rules(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/payback/rules", "listPaybackRules", "Every rule, oldest first, ended ones too.",
      access: .roles([.counter, .holder, .auditor]), parameters: Paging.parameters(after: .number),
      answer: .json(Paging.schema("PaybackRulePage", "rules", of: ruleSchema, next: .number), "One page.")
    ) { call in
      let after = UInt64(clamping: call.afterNumber)
      return try await Paging.page(call, "rules", next: { .number($0.number) }, document: document) {
        try await center.payback.rules(after: after, limit: $0)
      }
    }
  }

  private static func add(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/payback/rules", "addPaybackRule", "Sets a rule. It judges every sale from now on.",
      access: .roles([.counter]), body: newRuleSchema, answer: .json(ruleSchema, "The rule.", status: .created),
      problems: [.notFound, .conflict, .unprocessable]
    ) { call in
      let rule = try rule(call.body)
      var record = try await center.payback.add(rule, operation: try call.operation)
      // As it was set: it may have ended since.
      record.rule = rule
      return .json(document(record), status: .created)
    }
  }

  private static func end(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/payback/rules/{rule}/end", "endPaybackRule", "Ends a rule now; what it granted stays.",
      access: .roles([.counter]), parameters: [.path("rule", .number, "The rule's number.")],
      answer: .json(ruleSchema, "The rule."), problems: [.notFound]
    ) { call in
      .json(document(try await center.payback.end(UInt64(clamping: try call.number("rule")))))
    }
  }

  private static func worths(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/payback/worth", "getPointWorth", "What a point is worth, in each currency that it is exchanged into.",
      access: .roles([.counter, .holder, .auditor]),
      answer: .json(
        .named("PointWorth", .object([.init("worth", .array(.money, limit: 17_576), "One for each currency.")])),
        "The worth.")
    ) { _ in .json(["worth": .array(try await center.payback.worths().map { .money($0) })]) }
  }

  private static func setWorth(_ center: Center) -> Endpoint {
    Endpoint(
      .put, "/v1/payback/worth", "setPointWorth", "Says what a point is worth in one currency from now on.",
      access: .roles([.counter]),
      body: .named("NewPointWorth", .object([.init("worth", .money, "What one is worth.")])),
      answer: .json(.done, "It is so."), problems: [.conflict, .unprocessable]
    ) { call in
      try await center.payback.setWorth(ofPoint: try call.body.money("worth"), operation: try call.operation)
      return .done
    }
  }

  private static func introduce(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/payback/introductions", "noteIntroduction",
      "Notes who introduced the holder of a new card, by their card or by a code that they handed out.",
      access: .roles([.counter]),
      body: .named(
        "Introduction",
        .object([
          .init("card", .cardSerial, "The newcomer's card."),
          .init("introducer", .cardSerial, "The card of whoever introduced them; or the code.", isOptional: true),
          .init("code", .text(.plain(1...64)), "A code that they handed out; or the card.", isOptional: true),
        ])), answer: .json(.done, "It is noted."), problems: [.notFound, .conflict, .unprocessable]
    ) { call in
      let introducer: Introducer
      switch (call.body["introducer"], call.body["code"]) {
      case (let card?, nil): introducer = .card(try card.spelled { CardSerial($0) })
      case (nil, .some): introducer = .code(try CodeEndpoints.code(call.body))
      default: throw Problem(.unprocessable, "Name either the introducer's card or a code.")
      }
      try await center.payback.introduce(try call.cardInBody, by: introducer, operation: try call.operation)
      return .done
    }
  }

  private static func grants(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/cards/{card}/grants", "listGrants", "What was granted to a holder as pay-back, oldest first.",
      access: .roles([.counter, .holder, .auditor]),
      parameters: [.path("card", .cardSerial, "The card.")] + Paging.parameters(after: .number),
      answer: .json(Paging.schema("GrantPage", "grants", of: grantSchema, next: .number), "One page.")
    ) { call in
      let (card, after) = (try call.cardInPath, call.afterNumber)
      return try await Paging.page(call, "grants", next: { .number($0.number) }, document: document) {
        try await center.payback.grants(to: card, after: after, limit: $0)
      }
    }
  }

  private static func payOut(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/payback/payouts", "payOut", "Pays granted money out, once.", access: .roles([.counter]),
      body: .named(
        "Payout",
        .object([
          .init("card", .cardSerial, "The holder's card."), .init("amount", .money, "How much."),
          .init(
            "destination", .text(.choice(PaybackDestination.allCases.map(\.rawValue))),
            "To the holder's account, or in cash over the counter."),
        ])), answer: .json(.done, "It is paid."), problems: [.notFound, .conflict, .limitReached, .unprocessable]
    ) { call in
      try await center.payback.payOut(
        try call.body.money("amount"), of: try call.cardInBody,
        to: try call.body.text("destination", PaybackDestination.init(rawValue:)), operation: try call.operation)
      return .done
    }
  }

  private static func exchange(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/payback/exchanges", "exchangePoints",
      "Turns a holder's points into granted money at what a point is worth now, once.",
      access: .roles([.counter, .holder]),
      body: .named(
        "Exchange",
        .object([
          .init("card", .cardSerial, "The holder's card."), .init("points", .number, "How many."),
          .init("currency", .currency, "Into which currency."),
        ])),
      answer: .json(.named("Exchanged", .object([.init("amount", .money, "What they came to.")])), "It is granted."),
      problems: [.conflict, .limitReached, .unprocessable]
    ) { call in
      let amount = try await center.payback.exchange(
        points: try call.body.number("points"), of: try call.cardInBody,
        into: try call.body.text("currency") { Currency($0) }, operation: try call.operation)
      return .json(["amount": .money(amount)])
    }
  }
}

// MARK: Documents

extension PaybackEndpoints {
  private static func rule(_ body: JSON) throws -> PaybackRule {
    let (kind, wanted) = (try body.text("kind", PaybackKind.init(rawValue:)), body["reward"] ?? .null)
    let reward: PaybackReward
    switch (wanted["amount"], wanted["perMille"], wanted["pointFor"]) {
    case (.some, nil, nil): reward = .amount(try wanted.money("amount"))
    case (nil, .some, nil): reward = .share(perMille: try wanted.number("perMille"))
    case (nil, nil, .some): reward = .points(per: try wanted.money("pointFor"))
    default: throw Problem(.unprocessable, "A reward is one of an amount, a share and points.")
    }
    let asked = body["conditions"] ?? [:]
    let conditions = PaybackConditions(
      codesInSale: asked.optionalNumber("codesInSale") ?? 0, codesInAll: asked.optionalNumber("codesInAll") ?? 0,
      codesUsed: asked.optionalNumber("codesUsed") ?? 0,
      amount: asked["amount"] == nil ? nil : try asked.money("amount"),
      softwareID: try asked["softwareID"]?.spelled { SoftwareID($0) })
    return try PaybackRule(
      kind, reward, on: conditions, start: body.optionalNumber("start") ?? 0, end: body.optionalNumber("end"))
  }

  private static func document(_ record: PaybackRuleRecord) -> JSON {
    let (rule, conditions) = (record.rule, record.rule.conditions)
    let reward: JSON =
      switch rule.reward {
      case .amount(let amount): ["amount": .money(amount)]
      case .share(let perMille): ["perMille": .number(perMille)]
      case .points(let unit): ["pointFor": .money(unit)]
      }
    return .members([
      "rule": .number(record.number), "kind": .text(rule.kind.rawValue), "reward": reward,
      "conditions": .members([
        "codesInSale": .number(conditions.codesInSale), "codesInAll": .number(conditions.codesInAll),
        "codesUsed": .number(conditions.codesUsed), "amount": conditions.amount.map { .money($0) },
        "softwareID": conditions.softwareID.map { .text($0.description) },
      ]), "start": .number(rule.start), "end": rule.end.map { .number($0) },
    ])
  }

  private static func document(_ grant: NumberedGrant) -> JSON {
    [
      "grant": .number(grant.number), "rule": .number(grant.grant.rule), "kind": .text(grant.grant.kind.rawValue),
      "occasion": .text(grant.grant.occasion), "amount": .money(grant.grant.amount),
      "grantedAt": .number(grant.grant.grantedAt),
    ]
  }

  private static let kind = Schema.text(.choice(PaybackKind.allCases.map(\.rawValue)))
  private static let small = Schema.integer(0...Int64(UInt32.max))

  private static let terms: [Schema.Member] = [
    .init("kind", kind, "What it rewards."),
    .init(
      "reward",
      .named(
        "PaybackReward",
        .object([
          .init("amount", .money, "A fixed amount: for referral or bulk.", isOptional: true),
          .init("perMille", .integer(1...1000), "Thousandths of what the sale cost: for bulk.", isOptional: true),
          .init("pointFor", .money, "What one point is given for each of: for points.", isOptional: true),
        ])), "What it gives: exactly one of these."),
    .init(
      "conditions",
      .named(
        "PaybackConditions",
        .object([
          .init("codesInSale", small, "Codes in the sale, at least.", isOptional: true),
          .init("codesInAll", small, "Codes ever sold with the card, at least.", isOptional: true),
          .init("codesUsed", small, "Codes of the card that guests have redeemed, at least.", isOptional: true),
          .init("amount", .money, "What the sale cost, at least.", isOptional: true),
          .init("softwareID", .softwareID, "The only title that counts.", isOptional: true),
        ])), "What has to be so, all of it at once; nothing if left out.", isOptional: true),
    .init("start", .time, "From when on it is good, seconds since 1970 UTC.", isOptional: true),
    .init("end", .time, "The last second at which it is good.", isOptional: true),
  ]

  private static let newRuleSchema = Schema.named("NewPaybackRule", .object(terms))
  private static let ruleSchema = Schema.named(
    "PaybackRule", .object([.init("rule", .number, "Its number.")] + terms))

  private static let grantSchema = Schema.named(
    "PaybackGrant",
    .object([
      .init("grant", .number, "Its number."), .init("rule", .number, "The rule's number."),
      .init("kind", kind, "What for."), .init("occasion", .text(.plain(1...200)), "The sale or introduction."),
      .init("amount", .money, "How much stands of it now."),
      .init("grantedAt", .time, "When it was first granted, seconds since 1970 UTC."),
    ]))
}
