import Cryptography
import Formats
import HTTPTypes
import Identifiers
import LicenseCenter
import Octets
import SecureChannel

/// The seller of rights: codes on paper, what became of codes, and the keys that are made from them (P2, P9, P16, P22).
enum CodeEndpoints {
  static func all(_ center: Center) -> [Endpoint] {
    [sell(center), confirm(center), codes(center), balances(center), key(center)]
  }

  private static let cardInPath = Endpoint.Parameter.path("card", .cardSerial, "The card.")

  /// The codes are in this answer and in no other: the kept answer is sealed, and the centre forgets its copies as soon
  /// as it hears that the sheet is on paper.
  private static func sell(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/codes/sheets", "sellSheet",
      """
      Sells codes on a seal sheet with a card, and bills them to its holder once. The answer has the codes; repeated under \
      the same key, it has the same ones.
      """,
      access: .roles([.counter]), body: orderSchema, answer: .json(sheetSchema, "The sheet.", status: .created),
      problems: [.notFound, .conflict, .limitReached, .payment, .unprocessable]
    ) { call in
      let body = call.body
      let (operation, card) = (try call.operation, try call.cardInBody)
      let (title, url) = (try body.text("softwareID") { SoftwareID($0) }, try body.text("url") { $0 })
      let (quantity, conditions) = (try body.number("quantity", as: UInt16.self), try conditions(body["conditions"]))
      let order = try Problem.onRefusal { () throws(FormatError) in
        try SealSheetOrder(
          operationID: operation, cardSerial: card, softwareID: title, quantity: quantity, url: url,
          conditions: conditions)
      }
      return .json(document(try await center.rightsSeller.sell(order)), status: .created)
    }
  }

  private static func confirm(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/codes/sheets/{sheet}/printed", "confirmSheet",
      "Says that a sheet is on paper: the centre forgets its copies of the codes.", access: .roles([.counter]),
      parameters: [.path("sheet", .number, "The sheet's number.")], answer: .json(.done, "It is so."),
      problems: [.notFound]
    ) { call in
      try await center.rightsSeller.confirmPrinted(UInt64(clamping: try call.number("sheet")))
      return .done
    }
  }

  /// P17: where each code stands. The codes themselves are nowhere.
  private static func codes(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/cards/{card}/codes", "listCodes",
      "The codes that were sold with a card, in the order of their making, and where each stands.",
      access: .roles([.counter, .holder, .auditor]), parameters: [cardInPath] + Paging.parameters(after: .number),
      answer: .json(Paging.schema("CodePage", "codes", of: lineSchema, next: .number), "One page.")
    ) { call in
      let (card, after) = (try call.cardInPath, UInt64(clamping: call.afterNumber))
      return try await Paging.page(call, "codes", next: { .number($0.number) }, document: document) {
        try await center.statements.codes(of: card, after: after, limit: $0)
      }
    }
  }

  /// P9: the right to N uses.
  private static func balances(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/cards/{card}/code-balances", "getCodeBalances",
      "What became of the codes that were sold with a card: for each title how many were bought, and where they are.",
      access: .roles([.counter, .holder, .auditor]), parameters: [cardInPath],
      answer: .json(
        .named(
          "CodeBalanceList",
          .object([.init("balances", .array(balanceSchema, limit: Int.max), "One for each title and currency.")])),
        "The balances.")
    ) { call in
      .json(["balances": .array(try await center.codeBooks.balances(of: try call.cardInPath).map(document))])
    }
  }

  /// P22: the key that the seller makes from code and ID, for dedicated software. Why a code is good for nothing is not
  /// said, not even here.
  private static func key(_ center: Center) -> Endpoint {
    let members: [Schema.Member] = [
      .init("code", .text(.plain(1...64)), "The code, as it stands on paper."),
      .init(
        "kind", .text(.choice(["message", "right"])),
        "Of a code and an ID (Fig 4), or of the code alone (Fig 5), from which that of any ID is made."),
      .init(
        "messageID", .text(.base64(octets: 1...32)),
        "The ID; the one set beside the code when it was sold, if left out.", isOptional: true),
    ]
    return Endpoint(
      .post, "/v1/codes/keys", "makeCodeKey", "Makes the key of a code, as the card makes it that has the code.",
      access: .roles([.counter, .machine]), body: .named("CodeKeyRequest", .object(members)),
      answer: .json(
        .named("CodeKey", .object([.init("key", .text(.base64(octets: 16...64)), "The key. A secret.")])), "The key."),
      problems: [.refused]
    ) { call in
      let code = try code(call.body)
      let messageID = try call.body["messageID"].map {
        (value) throws(Problem) in try value.spelled(Schema.TextKind.octets(base64:))
      }
      do throws(CenterError) {
        let isRight = call.body["kind"] == "right"
        let key =
          isRight
          ? try await center.rightsSeller.rightKey(of: code)
          : try await center.rightsSeller.messageKey(of: code, messageID: messageID)
        return .json(["key": .base64(key.withBytes { $0.octets })])
      } catch {
        guard [.notFound, .conflict].contains(error.code) else { throw error }
        throw noUse
      }
    }
  }

  private static let noUse = Problem(.refused, "This code is good for nothing here; compare it with the paper.")

  /// The code that a checked body has.
  static func code(_ body: JSON) throws(Problem) -> RetrievalCode {
    let text = try body.text("code") { $0 }
    do { return try RetrievalCode(typed: text) } catch { throw Problem(.unprocessable, error.description) }
  }
}

// MARK: Documents

extension CodeEndpoints {
  private static func conditions(_ value: JSON?) throws(Problem) -> CodeConditions {
    guard let value else { return .standard }
    let messageID = try value["messageID"].map {
      (value) throws(Problem) in try value.spelled(Schema.TextKind.octets(base64:))
    }
    return try Problem.onRefusal { () throws(FormatError) in
      try CodeConditions(
        generationKey: value.optionalNumber("generationKey") ?? 1, expiry: value.optionalNumber("expiry"),
        uses: value.optionalNumber("uses"), needsFreshTime: value["needsFreshTime"] == true,
        messageID: messageID ?? [])
    }
  }

  private static func document(_ sheet: SealSheet) -> JSON {
    .members([
      "sheet": .number(sheet.number), "center": .text(sheet.centerName), "card": .text(sheet.cardSerial.description),
      "title": .text(sheet.title), "softwareID": .text(sheet.softwareID.description), "url": .text(sheet.url),
      "expiry": sheet.expiry.map { .number($0) }, "codes": .array(sheet.codes.map { .text($0.text) }),
    ])
  }

  private static func document(_ line: CodeLine) -> JSON {
    .members([
      "number": .number(line.number), "softwareID": .text(line.softwareID.description),
      "state": .text(line.state.rawValue), "price": .money(line.price), "madeAt": .number(line.madeAt),
      "expiry": line.expiry.map { .number($0) }, "charge": line.charge.map { .number($0) },
      "sheet": line.sheet.map { .number($0) }, "position": .number(line.position),
    ])
  }

  private static func document(_ balance: CodeBalance) -> JSON {
    let counts = CodeSaleState.allCases.map { ($0.rawValue, JSON.number(balance.counts[$0] ?? 0)) }
    return [
      "softwareID": .text(balance.softwareID.description), "bought": .number(balance.bought),
      "states": .object(Dictionary(uniqueKeysWithValues: counts)), "amount": .money(balance.amount),
      "copies": .number(balance.copies), "copiesTaken": .number(balance.copiesTaken),
    ]
  }

  static let stateNames = CodeSaleState.allCases.map(\.rawValue)

  private static let orderSchema = Schema.named(
    "SheetOrder",
    .object([
      .init("card", .cardSerial, "The card that the codes are sold with."),
      .init("softwareID", .softwareID, "The title that each of them buys."),
      .init("quantity", .integer(1...Int64(SealSheetOrder.maximumQuantity)), "How many."),
      .init("url", .text(.plain(1...SealSheetOrder.urlOctets)), "Where they are redeemed, as the sheet shall say it."),
      .init(
        "conditions",
        .named(
          "CodeConditions",
          .object([
            .init("generationKey", .integer(1...16), "Number of the generation key; 1 if left out.", isOptional: true),
            .init(
              "expiry", .integer(1...Int64.max), "The last second at which they are good; no end if left out.",
              isOptional: true),
            .init("uses", .integer(1...65_535), "How often the message key may be used.", isOptional: true),
            .init("needsFreshTime", .boolean, "Whether the card wants fresh time first.", isOptional: true),
            .init("messageID", .text(.base64(octets: 1...32)), "The ID set beside each code (P22).", isOptional: true),
          ])), "Without limits if left out.", isOptional: true),
    ]))

  private static let sheetSchema = Schema.named(
    "SealSheet",
    .object([
      .init("sheet", .number, "Its number."), .init("center", .text(.plain(1...53)), "The centre's name."),
      .init("card", .cardSerial, "The card."), .init("title", .text(.plain(1...600)), "The title's name and version."),
      .init("softwareID", .softwareID, "The title."), .init("url", .text(.plain(1...512)), "Where they are redeemed."),
      .init("expiry", .time, "The last second at which they are good.", isOptional: true),
      .init(
        "codes", .array(.text(.plain(17...32)), limit: Int(SealSheetOrder.maximumQuantity)),
        "The codes, in the order of the sheet. Secrets."),
    ]))

  private static let lineSchema = Schema.named(
    "CodeLine",
    .object([
      .init("number", .number, "Its number at the centre."), .init("softwareID", .softwareID, "The title."),
      .init("state", .text(.choice(stateNames)), "Where it stands (P17)."),
      .init("price", .money, "What it cost."), .init("madeAt", .time, "When it was made, seconds since 1970 UTC."),
      .init("expiry", .time, "The last second at which it is good.", isOptional: true),
      .init("charge", .count, "The charge it came with, by its number on the card.", isOptional: true),
      .init("sheet", .count, "The seal sheet it stands on.", isOptional: true),
      .init("position", .count, "Its place in the charge or on the sheet, from 0."),
    ]))

  private static let balanceSchema = Schema.named(
    "CodeBalance",
    .object([
      .init("softwareID", .softwareID, "The title."),
      .init("bought", .count, "N: codes bought, whatever became of them since."),
      .init("states", .object(stateNames.map { .init($0, .count, "How many are there.") }), "Codes in each state."),
      .init("amount", .money, "What the codes cost that are sold and not paid back."),
      .init("copies", .count, "Copies that their redeemers may hand on (P10)."),
      .init("copiesTaken", .count, "Copies that were taken."),
    ]))
}
