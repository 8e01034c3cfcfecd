import Formats
import HTTPTypes
import Identifiers
import LicenseCenter

/// The titles that the centre sells licences and codes for.
enum TitleEndpoints {
  static func all(_ center: Center) -> [Endpoint] { [list(center), title(center)] }

  private static let pageLimit: Int64 = 100

  private static func list(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/titles", "listTitles", "The titles, by software id.", access: .anyone,
      parameters: [
        .query("after", .softwareID, "The last software id of the page before.", isOptional: true),
        .query(
          "limit", .integer(1...pageLimit), "The most titles to answer; \(pageLimit) if left out.", isOptional: true),
      ],
      answer: .json(
        .named(
          "TitlePage",
          .object([
            .init("titles", .array(schema, limit: Int(pageLimit)), "The titles."),
            .init("next", .softwareID, "What to ask for the next page after, if there is one.", isOptional: true),
          ])), "One page.")
    ) { call in
      let after = try call.parameters["after"]?.spelled { SoftwareID($0) }
      var limit = pageLimit
      if case .integer(let wanted) = call.parameters["limit"] { limit = wanted }
      let titles = try await center.titles.titles(after: after, limit: Int(limit) + 1)
      let page = titles.prefix(Int(limit))
      var members: [String: JSON] = ["titles": .array(page.map(document))]
      if titles.count > page.count, let last = page.last { members["next"] = .text(last.softwareID.description) }
      return .json(.object(members))
    }
  }

  private static func title(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/titles/{softwareID}", "getTitle", "One title.", access: .anyone,
      parameters: [.path("softwareID", .softwareID, "SIDi.")], answer: .json(schema, "The title."),
      problems: [.notFound]
    ) { call in
      .json(document(try await center.titles.title(try call.text("softwareID") { SoftwareID($0) })))
    }
  }

  private static func document(_ title: TitleRecord) -> JSON {
    var members: [String: JSON] = [
      "softwareID": .text(title.softwareID.description), "name": .text(title.name), "version": .text(title.version),
      "type": .text(title.type.rawValue), "seller": .text(title.seller), "price": document(title.price),
      "profile": .text(title.profile.rawValue),
    ]
    if let pressedAt = title.pressedAt { members["pressedAt"] = .integer(Int64(clamping: pressedAt)) }
    return .object(members)
  }

  static func document(_ money: Money) -> JSON {
    ["minorUnits": .integer(money.minorUnits), "currency": .text(money.currency.code)]
  }

  static let money = Schema.named(
    "Money",
    .object([
      .init("minorUnits", .integer(Int64.min...Int64.max), "Yen, cents: the currency's minor unit (ISO 4217)."),
      .init("currency", .text(.plain(3...3)), "The currency's three letters."),
    ]))

  private static let schema = Schema.named(
    "Title",
    .object([
      .init("softwareID", .softwareID, "SIDi."),
      .init("name", .text(.plain(1...256)), "Its name."),
      .init("version", .text(.plain(1...256)), "Its version."),
      .init("type", .text(.choice(TitleType.allCases.map(\.rawValue))), "What it is."),
      .init("seller", .text(.plain(1...128)), "Who sells it."),
      .init("price", money, "What a licence or a code for it costs."),
      .init("profile", .text(.choice(CopyProfile.allCases.map(\.rawValue))), "Which way of copying it is sold under."),
      .init("pressedAt", .time, "When it first went onto a master disc.", isOptional: true),
    ]))
}
