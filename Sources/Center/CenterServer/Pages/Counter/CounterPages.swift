import Formats
import Foundation
import HTTPTypes
import Identifiers
import LicenseCenter

/// Finding cards, and the page of one.
struct CounterPages: Sendable {
  let center: Center
  let desk: ChargeDesk?

  static let access = Endpoint.Access.roles([.counter])
  static let card = "/counter/cards/{card}"
  private static let pageLimit = 50

  static func path(of card: CardSerial) -> String { "/counter/cards/\(card)" }

  var all: [Page] {
    [
      .look(
        "/counter", "showCards", access: CounterPages.access,
        fields: [.optional("serial", limit: 32), .optional("after", limit: 32)], serve: cards),
      .look(CounterPages.card, "showCard", access: CounterPages.access, back: "/counter", serve: show),
      .form(
        CounterPages.card + "/introduction", "introduceHolder", access: CounterPages.access,
        fields: [.text("introducer", limit: 64)], back: CounterPages.card, serve: introduce),
    ]
  }

  private func cards(_ call: PageCall) async throws -> PageReply {
    var view: View = ["typed": call.fields["serial"] ?? ""]
    if let typed = call.fields["serial"] {
      guard let serial = CardSerial(typed) else {
        view["fault"] = "A card's serial has 16 digits and letters from A to F. It stands on the card."
        return .html("counter", try await list(view, after: nil), status: .unprocessableContent)
      }
      do throws(CenterError) {
        _ = try await center.cardIssuer.standing(of: serial)
        return .seeOther(CounterPages.path(of: serial))
      } catch {
        guard error.code == .notFound else { throw error }
        view["fault"] = "No card with this serial is registered here."
        return .html("counter", try await list(view, after: nil), status: .notFound)
      }
    }
    let after = try call.fields["after"].map { text throws(Problem) in
      guard let serial = CardSerial(text) else { throw FormReader.malformed }
      return serial
    }
    return .html("counter", try await list(view, after: after))
  }

  private func list(_ view: View, after: CardSerial?) async throws -> View {
    var view = view
    let found = try await center.cardIssuer.standings(after: after, limit: CounterPages.pageLimit + 1)
    let page = found.prefix(CounterPages.pageLimit)
    view["cards"] = page.map { standing -> View in
      [
        "serial": standing.card.serial.description, "purchaser": standing.card.purchaser ?? "",
        "state": standing.blockedAt == nil ? standing.card.state.shown : "blocked",
        "sold": Int(standing.card.codesSold), "path": CounterPages.path(of: standing.card.serial),
      ]
    }
    view["hasCards"] = !page.isEmpty
    if found.count > page.count, let last = page.last { view["next"] = last.card.serial.description }
    if let desk { view["reader"] = desk.reader.name }
    return view
  }

  private func show(_ call: PageCall) async throws -> PageReply {
    let serial = try call.value("card") { CardSerial($0) }
    let standing = try await center.cardIssuer.standing(of: serial)
    let path = CounterPages.path(of: serial)
    var view = CardView.view(of: try await center.statements.statement(of: serial))
    view["path"] = path
    if let remaining = standing.remainingCodes { view["remaining"] = remaining }
    if let time = standing.blockedAt { view["blocked"] = Shown.time(time) }
    if let open = standing.openCharge { view["openCharge"] = "/counter/charges/\(open)" }
    let codes = try await center.statements.codes(of: serial)
    view["sheets"] = CounterPages.sheets(in: codes)
    view["charges"] = try await center.charging.charges(of: serial, after: nil, limit: 100).map { charge -> View in
      [
        "chargeNumber": charge.number, "chargeCodes": charge.actual, "chargeState": charge.state.shown,
        "chargePath": "/counter/charges/\(charge.operationID)", "chargedAt": Shown.day(charge.openedAt),
      ]
    }
    guard standing.card.state == .issued else { return .html("card", view) }
    view["isIssued"] = true
    let titles = try await center.titles.titles(after: nil, limit: 500)
    view["titles"] = titles.map { title -> View in
      ["titleID": title.softwareID.description, "titleName": "\(title.name) \(title.version), \(title.price)"]
    }
    view["hasTitles"] = !titles.isEmpty
    view["currency"] = titles.first?.price.currency.code ?? "EUR"
    if let desk { view["reader"] = desk.reader.name }
    for name in ["sheets", "charges", "deposits", "payouts", "points", "refunds", "introduction", "notices"] {
      view["\(name)Key"] = call.key(for: "\(path)/\(name)")
    }
    return .html("card", view)
  }

  /// The sheets that codes stand on, with how many of each are unused.
  private static func sheets(in codes: [CodeLine]) -> [View] {
    let bySheet = Dictionary(grouping: codes.filter { $0.sheet != nil }) { $0.sheet ?? 0 }
    return bySheet.sorted { $0.key < $1.key }.map { number, lines in
      [
        "sheetNumber": number, "sheetCodes": lines.count, "sheetUnused": lines.count { $0.state == .unused },
        "soldAt": lines.first.map { Shown.day($0.madeAt) } ?? "", "sheetPath": "/counter/sheets/\(number)",
      ]
    }
  }

  private func introduce(_ call: PageCall) async throws -> PageReply {
    let serial = try call.value("card") { CardSerial($0) }
    let typed = call.fields["introducer"] ?? ""
    let introducer: Introducer
    if let card = CardSerial(typed) {
      introducer = .card(card)
    } else if let code = try? RetrievalCode(typed: typed) {
      introducer = .code(code)
    } else {
      throw Problem(.invalid, "Type the serial of the introducer's card, or a code that came from it.")
    }
    try await center.payback.introduce(serial, by: introducer, operation: try call.operation)
    return .seeOther(CounterPages.path(of: serial))
  }
}

extension ChargeOutcome.State {
  var shown: String {
    switch self {
    case .open: "not settled"
    case .booked: "charged"
    case .voided: "void"
    }
  }
}

extension PageCall {
  /// An amount in the fields `amount` and `currency`.
  func amount(_ name: String = "amount", _ currency: String = "currency") throws(Problem) -> Money {
    guard let number = fields[name], let code = fields[currency]?.uppercased(),
      let money = Money("\(number.replacingOccurrences(of: ",", with: ".")) \(code)"), money.minorUnits > 0
    else { throw Problem(.invalid, "Write the amount as a number such as 12.50, and the currency as three letters.") }
    return money
  }

  /// A whole number in a field.
  func number<Value: FixedWidthInteger>(_ name: String, _ range: ClosedRange<Value>) throws(Problem) -> Value? {
    guard let text = fields[name] else { return nil }
    guard let number = Value(text), range.contains(number) else {
      throw Problem(.invalid, "Write a number from \(range.lowerBound) to \(range.upperBound).")
    }
    return number
  }

  /// The end of a day in a field.
  func endOfDay(_ name: String) throws(Problem) -> UInt64? {
    guard let text = fields[name] else { return nil }
    guard let time = Shown.endOfDay(text) else {
      throw Problem(.invalid, "Write the day as year, month and day: 2030-12-31.")
    }
    return time
  }
}
