import Cryptography
import Formats
import HTTPTypes
import Identifiers
import LicenseCenter

/// Copy licences of both embodiments (M4, M5, M11, M12).
enum LicenseEndpoints {
  static func all(_ center: Center) -> [Endpoint] { [license(center), licenses(center), requests(center)] }

  /// M4 and M5, M11 and M12: the idempotency key is the request's operation id.
  private static func license(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/licenses", "requestLicense",
      "Asks for a licence to copy one title onto one medium for one card. It is billed once, however often it is asked for.",
      access: .roles([.holder, .counter, .machine]), body: requestSchema,
      answer: .json(schema, "The licence."), problems: [.notFound, .conflict, .unprocessable]
    ) { call in
      guard let operationID = call.operationID else { throw Problem(.invalid, "There is no key.") }
      let request = LicenseRequest(
        operationID: operationID, cardSerial: try call.body.text("card") { CardSerial($0) },
        softwareID: try call.body.text("softwareID") { SoftwareID($0) },
        mediumID: try call.body.text("mediumID") { MediumID($0) }, terms: LicenseTerms(call.body["terms"]))
      try call.expectAuthority(over: request.cardSerial)
      let word = try call.body["driveWord"].map { try DriveWord($0) }
      return .json(document(try await center.titleLicenses.license(request, attestedBy: word)))
    }
  }

  private static func licenses(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/cards/{card}/licenses", "listLicenses", "The licences of a card, oldest first.",
      access: .roles([.holder, .counter, .machine]), parameters: [.path("card", .cardSerial, "The card.")],
      answer: .json(
        .named("LicenseList", .object([.init("licenses", .array(schema, limit: Int.max), "The licences.")])),
        "The licences.")
    ) { call in
      let card = try call.text("card") { CardSerial($0) }
      try call.expectAuthority(over: card)
      return .json(["licenses": .array(try await center.titleLicenses.licenses(of: card).map(document))])
    }
  }

  private static func requests(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/cards/{card}/license-requests", "listLicenseRequests",
      "The requests of a card for licences as they were saved (M4), oldest first.",
      access: .roles([.holder, .counter, .auditor]), parameters: [.path("card", .cardSerial, "The card.")],
      answer: .json(
        .named(
          "LicenseRequestList",
          .object([.init("requests", .array(savedSchema, limit: Int.max), "The requests.")])), "The requests.")
    ) { call in
      let card = try call.text("card") { CardSerial($0) }
      try call.expectAuthority(over: card)
      let requests = try await center.copyLicenses.requests(of: card)
      return .json(["requests": .array(requests.map(document))])
    }
  }
}

// MARK: Documents

extension LicenseEndpoints {
  private static func document(_ license: TitleLicense) -> JSON {
    [
      "number": .integer(Int64(clamping: license.number)), "profile": .text(license.profile.rawValue),
      "card": .text(license.cardSerial.description), "softwareID": .text(license.softwareID.description),
      "mediumID": .text(license.mediumID.description),
      "mediumIDStrength": .text(license.mediumIDStrength.name), "terms": document(license.terms),
      "issuedAt": .integer(Int64(clamping: license.issuedAt)), "record": .base64(license.encoded),
    ]
  }

  private static func document(_ request: LicenseRequest) -> JSON {
    [
      "operation": .text(request.operationID.description), "card": .text(request.cardSerial.description),
      "softwareID": .text(request.softwareID.description), "mediumID": .text(request.mediumID.description),
      "terms": document(request.terms),
    ]
  }

  private static func document(_ terms: LicenseTerms) -> JSON {
    var members: [String: JSON] = ["requiresAttestedMedium": .bool(terms.requiresAttestedMedium)]
    if let expiry = terms.expiry { members["expiry"] = .integer(Int64(clamping: expiry)) }
    return .object(members)
  }

  private static let termsSchema = Schema.named(
    "LicenseTerms",
    .object([
      .init(
        "requiresAttestedMedium", .boolean, "Whether the card wants the medium id attested by a drive; no if left out.",
        isOptional: true),
      .init(
        "expiry", .integer(1...Int64.max), "Seconds since 1970 UTC after which the licence is dead; never if left out.",
        isOptional: true),
    ]))

  private static let requestSchema = Schema.named(
    "LicenseRequest",
    .object([
      .init("card", .cardSerial, "The card that shall use the licence."),
      .init("softwareID", .softwareID, "SIDi: the title."),
      .init("mediumID", .mediumID, "IDk: the medium it shall be copied onto."),
      .init("terms", termsSchema, "The terms asked for; without a date if left out.", isOptional: true),
      .init(
        "driveWord",
        .object([
          .init("certificate", .text(.base64(octets: 1...1024)), "The drive's card-verifiable certificate."),
          .init("signature", .text(.base64(octets: 64...64)), "Its signature over challenge and medium id, r and s."),
        ]),
        """
        The word of the drive that holds the medium; the challenge is SHA-256 over the request's record, which has the \
        idempotency key as its operation id.
        """, isOptional: true),
    ]))

  private static let savedSchema = Schema.named(
    "SavedLicenseRequest",
    .object([
      .init("operation", .text(.hexadecimal(octets: 16...16)), "The key that it was sent with."),
      .init("card", .cardSerial, "The card."), .init("softwareID", .softwareID, "SIDi."),
      .init("mediumID", .mediumID, "IDk."), .init("terms", termsSchema, "The terms asked for."),
    ]))

  private static let schema = Schema.named(
    "License",
    .object([
      .init("number", .integer(0...Int64.max), "The licence's number."),
      .init("profile", .text(.choice(CopyProfile.allCases.map(\.rawValue))), "Which way of copying it is for."),
      .init("card", .cardSerial, "The card that can use it."), .init("softwareID", .softwareID, "SIDi."),
      .init("mediumID", .mediumID, "IDk."),
      .init(
        "mediumIDStrength", .text(.choice(MediumIDStrength.allCases.map(\.name))), "Who vouches for the medium id."),
      .init("terms", termsSchema, "The terms."),
      .init("issuedAt", .time, "When the centre gave it, seconds since 1970 UTC."),
      .init("record", .text(.base64(octets: 1...1024)), "The licence itself, as it is written to the medium (M6)."),
    ]))
}

extension MediumIDStrength {
  fileprivate var name: String {
    switch self {
    case .hostAsserted: "host-asserted"
    case .driveAttested: "drive-attested"
    }
  }
}

extension LicenseTerms {
  /// Terms as a checked body has them.
  fileprivate init(_ value: JSON?) {
    var expiry: UInt64?
    if case .integer(let time) = value?["expiry"] { expiry = UInt64(clamping: time) }
    self.init(requiresAttestedMedium: value?["requiresAttestedMedium"] == .bool(true), expiry: expiry)
  }
}

extension DriveWord {
  /// A word as a checked body has it.
  fileprivate init(_ value: JSON) throws(Problem) {
    self.init(
      certificate: try value.text("certificate", Schema.TextKind.octets(base64:)),
      signature: try value.text("signature", Schema.TextKind.octets(base64:)))
  }
}

extension Call {
  /// Whoever asked for access to one title acts for that title and nothing else.
  func expectTitleOfIdentity() throws(Problem) {
    guard let title = identity?.softwareID else { return }
    guard try (parameters["softwareID"] ?? body["softwareID"])?.spelled({ SoftwareID($0) }) == title else {
      throw Problem(.forbidden, "Your token is for another title.")
    }
  }

  /// The same where the title is found out first.
  func expectAuthority(over title: SoftwareID) throws(Problem) {
    guard identity?.softwareID == nil || identity?.softwareID == title else {
      throw Problem(.forbidden, "Your token is for another title.")
    }
  }

  /// Holders act for their own card, others for any.
  func expectAuthority(over card: CardSerial) throws(Problem) {
    guard let identity, identity.roles != [.holder] || identity.card == card else {
      throw Problem(.forbidden, "This is not your card.")
    }
  }
}
