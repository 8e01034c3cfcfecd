import Cryptography
import Formats
import HTTPTypes
import ISO7816
import Identifiers
import LicenseCenter
import Octets

/// Charging a card over the network (P6, Fig 27 S10-S13): the centre speaks with the card through a host that relays
/// what it cannot read.
enum ChargeEndpoints {
  static func all(_ center: Center, _ desk: RelayDesk) -> [Endpoint] {
    [begin(center, desk), step(desk), charge(center)]
  }

  /// The idempotency key is the charge's operation id: the charge is what happens once. Under it, as many conversations
  /// as the line needs.
  private static func begin(_ center: Center, _ desk: RelayDesk) -> Endpoint {
    Endpoint(
      .post, "/v1/charges", "charge",
      "Begins to charge codes onto a card, or carries on. It is done once, however often it is asked for.",
      access: .roles([.holder, .counter]), body: orderSchema,
      answer: .json(turnSchema, "How it stands: the charge once it is booked, or what the card must answer first."),
      problems: [
        .notFound, .conflict, .limitReached, .card, .payment, .unprocessable, .dialogueOver,
      ], repetition: .keepsItsAnswer
    ) { call in
      guard let operationID = call.operationID, let caller = call.identity?.name else {
        throw Problem(.invalid, "There is no key.")
      }
      let order = try ChargeOrder(call.body, operationID)
      try call.expectAuthority(over: order.cardSerial)
      let subject = RelayDesk.Subject(
        caller: caller, card: order.cardSerial, operation: operationID, order: Digest.sha256(order.encoded))
      let (name, turn) = try await desk.begin(subject) { relay throws(CenterError) in
        document(try await center.charging.charge(order, over: relay))
      }
      return .json(try document(turn, of: name))
    }
  }

  /// Of whatever title: the conversation has a name that only whoever was let begin it knows.
  private static func step(_ desk: RelayDesk) -> Endpoint {
    Endpoint(
      .post, "/v1/charges/{operation}/steps", "takeChargeStep",
      "Takes the card's response to a command. Repeated, it is answered alike; a response to any other command changes nothing.",
      access: .roles([.holder, .counter]), parameters: [operation], body: stepSchema,
      answer: .json(turnSchema, "What comes next: another command, or the charge."),
      problems: [.notFound, .conflict, .limitReached, .card, .payment, .unprocessable, .dialogueOver, .outOfStep],
      repetition: .isHarmless, isForAnyTitle: true
    ) { call in
      guard let caller = call.identity?.name, case .integer(let step)? = call.body["step"] else {
        throw Problem(.invalid, "There is no step.")
      }
      let name = try call.body.text("dialogue") { Hex.decode($0).map { Hex.encode($0) } }
      let turn = try await desk.take(
        try call.body.text("response", Schema.TextKind.octets(base64:)), step: Int(step), of: name, by: caller,
        operation: try call.text("operation") { OperationID($0) })
      return .json(try document(turn, of: name))
    }
  }

  private static func charge(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/charges/{operation}", "getCharge", "How a charge stands.",
      access: .roles([.holder, .counter, .auditor]), parameters: [operation],
      answer: .json(chargeSchema, "The charge."), problems: [.notFound], isForAnyTitle: true
    ) { call in
      guard let outcome = try await center.charging.outcome(of: try call.text("operation") { OperationID($0) }) else {
        throw Problem(.notFound, "No charge of this name was begun.")
      }
      try call.expectAuthority(over: outcome.cardSerial)
      try call.expectAuthority(over: outcome.softwareID)
      return .json(document(outcome))
    }
  }

  private static let operation = Endpoint.Parameter.path(
    "operation", .text(.hexadecimal(octets: 16...16)), "The idempotency key that the charge was begun with.")
}

// MARK: Documents

extension ChargeEndpoints {
  private static func document(_ turn: RelayedDialogue.Turn, of name: String) throws -> JSON {
    switch turn {
    case .command(let step, let octets):
      ["next": ["dialogue": .text(name), "step": .integer(Int64(step)), "command": .base64(octets)]]
    case .done(let result): ["charge": try result.get()]
    case .dropped: throw RelayDesk.over
    }
  }

  private static func document(_ outcome: ChargeOutcome) -> JSON {
    [
      "operation": .text(outcome.operationID.description), "card": .text(outcome.cardSerial.description),
      "softwareID": .text(outcome.softwareID.description), "number": .integer(Int64(outcome.number)),
      "desired": .integer(Int64(outcome.desired)), "actual": .integer(Int64(outcome.actual)),
      "price": .money(outcome.price), "state": .text(outcome.state.rawValue),
      "openedAt": .integer(Int64(clamping: outcome.openedAt)),
    ]
  }

  private static let orderSchema = Schema.named(
    "ChargeOrder",
    .object([
      .init("card", .cardSerial, "The card."), .init("softwareID", .softwareID, "SIDi: what each code buys."),
      .init("quantity", .integer(1...Int64(UInt16.max)), "How many codes are wanted."),
      .init(
        "acceptsFewer", .boolean, "Whether fewer will do where the card takes no more; no if left out.",
        isOptional: true),
      .init(
        "conditions",
        .object([
          .init("generationKey", .integer(1...16), "Number of the generation key; 1 if left out.", isOptional: true),
          .init(
            "expiry", .integer(1...Int64.max), "Seconds since 1970 UTC after which codes are dead.", isOptional: true),
          .init("uses", .integer(1...Int64(UInt16.max)), "How often a code's key may be used.", isOptional: true),
          .init("needsFreshTime", .boolean, "Whether the card wants fresh time before that.", isOptional: true),
          .init("messageID", .text(.base64(octets: 1...32)), "The ID set beside each code.", isOptional: true),
        ]), "What the codes' keys are made from and limited by.", isOptional: true),
    ]))

  private static let stepSchema = Schema.named(
    "ChargeStep",
    .object([
      .init("dialogue", dialogue, "The conversation."), .init("step", step, "The command that this answers."),
      .init(
        "response", .text(.base64(octets: 2...32_768)),
        "The card's whole response APDU; 61xx and 6Cxx are between host and card."),
    ]))

  private static let turnSchema = Schema.named(
    "ChargeTurn",
    .object([
      .init("charge", chargeSchema, "The charge, once it is booked.", isOptional: true),
      .init(
        "next",
        .object([
          .init("dialogue", dialogue, "The conversation."), .init("step", step, "The command's number."),
          .init("command", .text(.base64(octets: 4...32_768)), "The whole command APDU that goes to the card."),
        ]), "What the card must answer first.", isOptional: true),
    ]))

  private static let dialogue = Schema.text(.hexadecimal(octets: 16...16))
  private static let step = Schema.integer(0...Int64(UInt16.max))

  private static let chargeSchema = Schema.named(
    "Charge",
    .object([
      .init("operation", .text(.hexadecimal(octets: 16...16)), "The key that it was begun with."),
      .init("card", .cardSerial, "The card."), .init("softwareID", .softwareID, "SIDi."),
      .init("number", .integer(1...Int64(UInt32.max)), "Its number on the card."),
      .init("desired", .integer(1...Int64(UInt16.max)), "How many codes were wanted."),
      .init("actual", .integer(1...Int64(UInt16.max)), "How many were made."),
      .init("price", .money, "What one costs."),
      .init("state", .text(.choice(["open", "booked", "voided"])), "Whether the card has them and they are billed."),
      .init("openedAt", .time, "When it was begun, seconds since 1970 UTC."),
    ]))
}

extension ChargeOrder {
  /// An order as a checked body has it.
  fileprivate init(_ body: JSON, _ operationID: OperationID) throws {
    guard case .integer(let quantity)? = body["quantity"] else { throw Problem(.invalid, "There is no quantity.") }
    try self.init(
      operationID: operationID, cardSerial: try body.text("card") { CardSerial($0) },
      softwareID: try body.text("softwareID") { SoftwareID($0) }, quantity: UInt16(clamping: quantity),
      acceptsFewer: body["acceptsFewer"] == .bool(true), conditions: CodeConditions(body["conditions"] ?? [:]))
  }
}

extension CodeConditions {
  /// Conditions as a checked body has them.
  fileprivate init(_ body: JSON) throws {
    func number(_ name: String) -> UInt64? {
      guard case .integer(let value)? = body[name] else { return nil }
      return UInt64(clamping: value)
    }
    try self.init(
      generationKey: number("generationKey").map { UInt8(clamping: $0) } ?? 1, expiry: number("expiry"),
      uses: number("uses").map { UInt16(clamping: $0) }, needsFreshTime: body["needsFreshTime"] == .bool(true),
      messageID: try body["messageID"].map { value throws(Problem) in
        try value.spelled(Schema.TextKind.octets(base64:))
      } ?? [])
  }
}
