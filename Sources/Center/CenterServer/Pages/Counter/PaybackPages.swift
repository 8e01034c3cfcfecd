import Formats
import Foundation
import Identifiers
import LicenseCenter

/// The rules of pay-back (P7): set at the counter, ended there, never edited.
struct PaybackPages: Sendable {
  let center: Center

  private static let path = "/counter/payback"

  var all: [Page] {
    let (access, path) = (CounterPages.access, PaybackPages.path)
    let rule: [FormField] = [
      .text("kind", limit: 8), .text("gives", limit: 8), .text("value", limit: 24), .optional("currency", limit: 3),
      .optional("codesInSale", limit: 9), .optional("codesInAll", limit: 9), .optional("codesUsed", limit: 9),
      .optional("title", limit: 34), .optional("until", limit: 10),
    ]
    return [
      .look(path, "showPaybackRules", access: access, back: "/counter", serve: show),
      .form(path, "makePaybackRule", access: access, fields: rule, back: path, serve: add),
      .form(path + "/{rule}/end", "endPaybackRule", access: access, back: path, serve: end),
      .form(
        path + "/worth", "setPointWorth", access: access,
        fields: [.text("amount", limit: 24), .text("currency", limit: 3)], back: path, serve: setWorth),
    ]
  }

  private func show(_ call: PageCall) async throws -> PageReply {
    let path = PaybackPages.path
    let now = center.clock.now()
    let titles = try await center.titles.titles(after: nil, limit: 500)
    let names = Dictionary(titles.map { ($0.softwareID, "\($0.name) \($0.version)") }, uniquingKeysWith: { $1 })
    let rules = try await center.payback.rules().map { record -> View in
      let isOver = record.rule.end.map { $0 <= now } ?? false
      var row: View = [
        "ruleNumber": record.number, "kind": record.rule.kind.shown, "reward": record.rule.reward.shown,
        "conditions": record.rule.conditions.shown(names), "isOver": isOver,
        "endPath": "\(path)/\(record.number)/end", "endKey": call.key(for: "\(path)/\(record.number)/end"),
      ]
      if let end = record.rule.end { row["ends"] = Shown.day(end) }
      return row
    }
    return .html(
      "payback",
      [
        "rules": rules, "hasRules": !rules.isEmpty, "key": call.key(for: path),
        "worthKey": call.key(for: path + "/worth"), "currency": titles.first?.price.currency.code ?? "EUR",
        "titles": titles.map { title -> View in
          ["titleID": title.softwareID.description, "titleName": "\(title.name) \(title.version)"]
        },
      ])
  }

  private func add(_ call: PageCall) async throws -> PageReply {
    guard let kind = call.fields["kind"].flatMap(PaybackKind.init(rawValue:)) else { throw FormReader.malformed }
    let conditions = PaybackConditions(
      codesInSale: try call.number("codesInSale", 0...1_000_000) ?? 0,
      codesInAll: try call.number("codesInAll", 0...1_000_000) ?? 0,
      codesUsed: try call.number("codesUsed", 0...1_000_000) ?? 0,
      softwareID: try call.fields["title"].map { text throws(Problem) in
        guard let title = SoftwareID(text) else { throw FormReader.malformed }
        return title
      })
    let rule = try PaybackRule(kind, try reward(call), on: conditions, end: try call.endOfDay("until"))
    _ = try await center.payback.add(rule, operation: try call.operation)
    return .seeOther(PaybackPages.path)
  }

  private func reward(_ call: PageCall) throws(Problem) -> PaybackReward {
    switch call.fields["gives"] {
    case "amount": return .amount(try call.amount("value"))
    case "points": return .points(per: try call.amount("value"))
    case "share":
      // Tenths of a per cent are thousandths.
      let parts = (call.fields["value"] ?? "").replacingOccurrences(of: ",", with: ".").split(separator: ".")
      guard (1...2).contains(parts.count), let whole = parts.first.flatMap({ UInt16($0) }), whole <= 100,
        let tenths = parts.count == 1 ? 0 : UInt16(parts[1]), tenths < 10, whole * 10 + tenths > 0
      else { throw Problem(.invalid, "Write the share in per cent, from 0.1 to 100, with at most one decimal.") }
      return .share(perMille: whole * 10 + tenths)
    default: throw FormReader.malformed
    }
  }

  private func end(_ call: PageCall) async throws -> PageReply {
    _ = try await center.payback.end(try call.value("rule") { UInt64($0) })
    return .seeOther(PaybackPages.path)
  }

  private func setWorth(_ call: PageCall) async throws -> PageReply {
    try await center.payback.setWorth(ofPoint: try call.amount(), operation: try call.operation)
    return .seeOther(PaybackPages.path)
  }
}

extension PaybackReward {
  /// For people.
  fileprivate var shown: String {
    switch self {
    case .amount(let amount): amount.description
    case .share(let perMille): "\(perMille / 10)\(perMille % 10 == 0 ? "" : ".\(perMille % 10)") % of the sale"
    case .points(let unit): "1 point for each \(unit)"
    }
  }
}

extension PaybackConditions {
  /// For people.
  fileprivate func shown(_ titles: [SoftwareID: String]) -> String {
    var parts: [String] = []
    if codesInSale > 0 { parts.append("at least \(Shown.count(Int(codesInSale), "code")) in the sale") }
    if codesInAll > 0 { parts.append("at least \(Shown.count(Int(codesInAll), "code")) with the card in all") }
    if codesUsed > 0 { parts.append("at least \(Shown.count(Int(codesUsed), "code")) redeemed") }
    if let amount { parts.append("a sale of at least \(amount)") }
    if let softwareID { parts.append("only \(titles[softwareID] ?? softwareID.description)") }
    return parts.isEmpty ? "none" : parts.joined(separator: "; ")
  }
}
