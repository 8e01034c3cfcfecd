import Formats
import HTTPTypes
import Identifiers
import LicenseCenter

/// The titles that the centre sells licences and codes for.
enum TitleEndpoints {
  static func all(_ center: Center) -> [Endpoint] { [list(center), title(center), register(center)] }

  private static func list(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/titles", "listTitles", "The titles, by software id.", access: .anyone,
      parameters: Paging.parameters(after: .softwareID),
      answer: .json(Paging.schema("TitlePage", "titles", of: schema, next: .softwareID), "One page.")
    ) { call in
      let after = try call.after { SoftwareID($0) }
      return try await Paging.page(
        call, "titles", next: { .text($0.softwareID.description) }, document: document
      ) { try await center.titles.titles(after: after, limit: $0) }
    }
  }

  /// P9, P22: the counter takes a title in that the centre sells rights for.
  private static func register(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/titles", "registerTitle", "Registers a title; the centre makes its software id and its keys.",
      access: .roles([.counter]), body: .named("NewTitle", .object(facts)),
      answer: .json(schema, "The title.", status: .created), problems: [.conflict, .unprocessable]
    ) { call in
      let body = call.body
      let title = try await center.titles.register(
        name: try body.text("name") { $0 }, version: try body.text("version") { $0 },
        type: try body.text("type", TitleType.init(rawValue:)), seller: try body.text("seller") { $0 },
        price: try body.money("price"), profile: try body.text("profile", CopyProfile.init(rawValue:)),
        operationID: try call.operation)
      return .json(document(title), status: .created)
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
      "type": .text(title.type.rawValue), "seller": .text(title.seller), "price": .money(title.price),
      "profile": .text(title.profile.rawValue),
    ]
    if let pressedAt = title.pressedAt { members["pressedAt"] = .integer(Int64(clamping: pressedAt)) }
    return .object(members)
  }

  /// What whoever registers a title says about it.
  private static let facts: [Schema.Member] = [
    .init("name", .text(.plain(1...256)), "Its name."),
    .init("version", .text(.plain(1...256)), "Its version."),
    .init("type", .text(.choice(TitleType.allCases.map(\.rawValue))), "What it is."),
    .init("seller", .text(.plain(1...128)), "Who sells it."),
    .init("price", .money, "What a licence or a code for it costs."),
    .init("profile", .text(.choice(CopyProfile.allCases.map(\.rawValue))), "Which way of copying it is sold under."),
  ]

  private static let schema = Schema.named(
    "Title",
    .object(
      [.init("softwareID", .softwareID, "SIDi.")] + facts + [
        .init("pressedAt", .time, "When it first went onto a master disc.", isOptional: true)
      ]))
}
