import ChallengeAccess
import Formats
import HTTPTypes
import Identifiers
import LicenseCenter

/// The centre's cards (P16, Fig 8). Issuing, charging and locking need the card itself, and go over a relay.
enum CardEndpoints {
  static func all(_ center: Center) -> [Endpoint] {
    [list(center), card(center), charges(center), roles(center), block(center), unblock(center)]
  }

  private static let inPath = Endpoint.Parameter.path("card", .cardSerial, "The card.")

  private static func list(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/cards", "listCards", "The cards, by serial.", access: .roles([.counter, .auditor]),
      parameters: Paging.parameters(after: .cardSerial),
      answer: .json(Paging.schema("CardPage", "cards", of: schema, next: .cardSerial), "One page.")
    ) { call in
      let after = try call.after { CardSerial($0) }
      return try await Paging.page(
        call, "cards", next: { .text($0.card.serial.description) },
        document: { document($0, withPurchaser: call.maySeePersons) }
      ) { try await center.cardIssuer.standings(after: after, limit: $0) }
    }
  }

  private static func card(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/cards/{card}", "getCard", "A card, and what may be done with it now.",
      access: .roles([.counter, .holder, .auditor]), parameters: [inPath], answer: .json(schema, "The card."),
      problems: [.notFound]
    ) { call in
      let standing = try await center.cardIssuer.standing(of: try call.cardInPath)
      return .json(document(standing, withPurchaser: call.maySeePersons))
    }
  }

  /// P6: desired against actual quantity.
  private static func charges(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/cards/{card}/charges", "listCharges", "The charges of a card, oldest first.",
      access: .roles([.counter, .holder, .auditor]),
      parameters: [inPath] + Paging.parameters(after: .operation),
      answer: .json(Paging.schema("ChargePage", "charges", of: chargeSchema, next: .operation), "One page.")
    ) { call in
      let (card, after) = (try call.cardInPath, try call.after { OperationID($0) })
      return try await Paging.page(
        call, "charges", next: { .text($0.operationID.description) }, document: document
      ) { try await center.charging.charges(of: card, after: after, limit: $0) }
    }
  }

  private static func roles(_ center: Center) -> Endpoint {
    Endpoint(
      .put, "/v1/cards/{card}/roles", "setCardRoles",
      "Says as what a card's holder may log in from now on, and from which systems. The tokens that the card has end.",
      access: .roles([.counter]), parameters: [inPath],
      body: .named("CardRoles", .object(ClientEndpoints.roleMembers(of: [.holder, .counter]))),
      answer: .json(.done, "It is so."), problems: [.notFound, .conflict, .unprocessable]
    ) { call in
      _ = try await center.access.setRoles(
        try ClientEndpoints.roles(call.body), policy: try ClientEndpoints.policy(call.body),
        of: .card(try call.cardInPath), operation: try call.operation)
      return .done
    }
  }

  private static func block(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/cards/{card}/block", "blockCard",
      "Takes all access to the centre from a card that is lost, at once. What is on the card stays as it is.",
      access: .roles([.counter]), parameters: [inPath], answer: .json(.done, "It has none any more."),
      problems: [.notFound, .conflict]
    ) { call in
      try await center.access.revoke(.card(try call.cardInPath), operation: try call.operation)
      return .done
    }
  }

  private static func unblock(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/cards/{card}/unblock", "unblockCard", "Gives a blocked card its access to the centre back.",
      access: .roles([.counter]), parameters: [inPath], answer: .json(.done, "It has access."),
      problems: [.notFound, .conflict]
    ) { call in
      try await center.access.reinstate(.card(try call.cardInPath), operation: try call.operation)
      return .done
    }
  }
}

// MARK: Documents

extension CardEndpoints {
  /// A card. Who bought it is for the counter and for the buyer.
  static func document(_ standing: CardStanding, withPurchaser: Bool) -> JSON {
    var members = members(standing.card, withPurchaser: withPurchaser)
    members["remainingCodes"] = standing.remainingCodes.map { .number($0) }
    members["openCharge"] = standing.openCharge.map { .text($0.description) }
    members["blockedAt"] = standing.blockedAt.map { .number($0) }
    return .object(members)
  }

  static func members(_ card: CardRecord, withPurchaser: Bool) -> [String: JSON] {
    var members: [String: JSON] = [
      "card": .text(card.serial.description), "state": .text(card.state.rawValue),
      "moduleType": .text(card.moduleType), "productionNumber": .text(card.productionNumber),
      "producedAt": .number(card.producedAt), "codesSold": .number(card.codesSold),
      "amounts": .array(card.amounts.map { .money($0) }),
      "generationKeys": .array(card.generationKeys.map { .number($0) }), "chargeNumber": .number(card.chargeNumber),
    ]
    members["maximumCodes"] = card.maximumCodes.map { .number($0) }
    members["issuedAt"] = card.issuedAt.map { .number($0) }
    if withPurchaser { members["purchaser"] = card.purchaser.map { .text($0) } }
    return members
  }

  /// What the centre keeps about a card.
  static let members: [Schema.Member] = [
    .init("card", .cardSerial, "Its serial."),
    .init("state", .text(.choice(["registered", "issuing", "issued"])), "How far it has come."),
    .init("moduleType", .text(.plain(1...256)), "Module type."),
    .init("productionNumber", .text(.plain(1...256)), "The maker's number."),
    .init("producedAt", .time, "When it was made, seconds since 1970 UTC."),
    .init("purchaser", .text(.plain(1...1024)), "Who bought it; only for the counter and the buyer.", isOptional: true),
    .init("maximumCodes", .count, "The most codes that may ever be sold with it.", isOptional: true),
    .init("codesSold", .count, "Utilisation count: codes sold with it so far."),
    .init(
      "amounts", .array(.money, limit: 1000), "Utilisation amount: what those codes cost, one for each currency."),
    .init("generationKeys", .array(.integer(1...16), limit: 16), "Numbers of its generation keys."),
    .init("chargeNumber", .count, "Number of the last booked charge."),
    .init("issuedAt", .time, "When its issue was done.", isOptional: true),
  ]

  static let schema = Schema.named(
    "Card",
    .object(
      members + [
        .init("remainingCodes", .count, "How many codes may still be sold with it.", isOptional: true),
        .init("openCharge", .operation, "The charge whose fate is not known yet.", isOptional: true),
        .init("blockedAt", .time, "Since when its holder has no access to the centre.", isOptional: true),
      ]))

  static func document(_ charge: ChargeOutcome) -> JSON {
    [
      "operation": .text(charge.operationID.description), "card": .text(charge.cardSerial.description),
      "number": .number(charge.number), "softwareID": .text(charge.softwareID.description),
      "desired": .number(charge.desired), "actual": .number(charge.actual), "price": .money(charge.price),
      "state": .text(charge.state.rawValue), "openedAt": .number(charge.openedAt),
    ]
  }

  static let chargeSchema = Schema.named(
    "ChargeOutcome",
    .object([
      .init("operation", .operation, "The charge's name."), .init("card", .cardSerial, "The card."),
      .init("number", .count, "Its number on the card."), .init("softwareID", .softwareID, "The title."),
      .init("desired", .count, "How many codes were wanted."), .init("actual", .count, "How many were made."),
      .init("price", .money, "The price of one."),
      .init("state", .text(.choice(["open", "booked", "voided"])), "Where it stands."),
      .init("openedAt", .time, "When it was opened, seconds since 1970 UTC."),
    ]))
}
