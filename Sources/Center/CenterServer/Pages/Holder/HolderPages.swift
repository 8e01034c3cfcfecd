import Formats
import Identifiers
import LicenseCenter

/// What a holder sees of their own card.
struct HolderPages: Sendable {
  let center: Center

  private static let access = Endpoint.Access.roles([.holder])

  var all: [Page] {
    [
      .look("/holder", "showHolder", access: HolderPages.access, serve: show),
      .look(
        "/holder/codes", "showHolderCodes", access: HolderPages.access,
        fields: [.optional("after", limit: 20)], back: "/holder", serve: codes),
    ]
  }

  private func card(_ call: PageCall) throws(Problem) -> CardSerial {
    guard let card = call.identity?.card else { throw Problem(.forbidden, "You did not sign in for a card.") }
    return card
  }

  private func show(_ call: PageCall) async throws -> PageReply {
    let card = try card(call)
    let statement = try await center.statements.statement(of: card)
    let licenses = try await center.titleLicenses.licenses(of: card)
    var view = CardView.view(of: statement)
    view["notices"] = statement.notices.map { notice -> View in
      ["number": notice.number, "state": notice.state.shown, "madeAt": Shown.time(notice.madeAt)]
    }
    view["hasNotices"] = !statement.notices.isEmpty
    view["origin"] = call.origin
    view["licenses"] = licenses.map { license -> View in
      var row: View = [
        "number": license.number, "softwareID": license.softwareID.description,
        "medium": license.mediumID.description, "issuedAt": Shown.day(license.issuedAt),
      ]
      if let end = license.terms.expiry { row["ends"] = Shown.day(end) }
      return row
    }
    view["hasLicenses"] = !licenses.isEmpty
    return .html("holder", view)
  }

  private func codes(_ call: PageCall) async throws -> PageReply {
    let after = try call.fields["after"].map { text throws(Problem) in
      guard let number = UInt64(text) else { throw FormReader.malformed }
      return number
    }
    let card = try card(call)
    let lines = try await center.statements.codes(of: card, after: after ?? 0)
    var view: View = ["codes": lines.map(CardView.row), "hasCodes": !lines.isEmpty]
    if lines.count == Statements.pageLimit, let last = lines.last { view["next"] = last.number }
    return .html("holder-codes", view)
  }
}

/// What pages show of a card.
enum CardView {
  static func view(of statement: HolderStatement) -> View {
    let card = statement.card
    var view: View = [
      "serial": card.serial.description, "state": card.state.shown, "sold": Int(card.codesSold),
      "counts": statement.codes.map { count -> View in
        ["codeTitle": count.title, "codeState": count.state.shown, "count": count.count]
      }, "hasCounts": !statement.codes.isEmpty,
      "balances": statement.balances.map { balance -> View in
        [
          "account": balance.account.description, "payback": balance.payback.description,
          "isOwed": balance.account.minorUnits < 0,
        ]
      }, "hasBalances": !statement.balances.isEmpty,
      "grants": statement.grants.map { grant -> View in
        [
          "grantKind": grant.kind.shown, "grantRule": grant.rule, "grantAmount": grant.amount.description,
          "grantedAt": Shown.day(grant.grantedAt),
        ]
      }, "hasGrants": !statement.grants.isEmpty,
      "refunds": statement.refunds.map { refund -> View in
        [
          "refundCodes": refund.codes, "refundPrice": refund.price.description, "refundPaid": refund.paid.description,
          "refundedAt": Shown.day(refund.refundedAt),
        ]
      }, "hasRefunds": !statement.refunds.isEmpty, "hasPaymentMethod": statement.hasPaymentMethod,
    ]
    if let maximum = card.maximumCodes { view["maximum"] = maximum }
    if let purchaser = card.purchaser { view["purchaser"] = purchaser }
    if let time = card.issuedAt { view["issued"] = Shown.day(time) }
    view["amounts"] = card.amounts.map(\.description).joined(separator: ", ")
    return view
  }

  static func row(_ line: CodeLine) -> View {
    var row: View = [
      "number": line.number, "state": line.state.shown, "price": line.price.description,
      "madeAt": Shown.day(line.madeAt), "place": line.position + 1,
    ]
    if let charge = line.charge { row["charge"] = charge }
    if let sheet = line.sheet { row["sheet"] = sheet }
    if let expiry = line.expiry { row["until"] = Shown.day(expiry) }
    return row
  }
}

extension CodeSaleState {
  /// For people (P17).
  var shown: String {
    switch self {
    case .reserved: "being charged"
    case .unused: "unused"
    case .inUse: "in use"
    case .used: "used"
    case .voided: "void"
    }
  }
}

extension NoticeRecord.State {
  fileprivate var shown: String {
    switch self {
    case .waiting: "waiting for you"
    case .delivered: "fetched, not opened"
    case .read: "opened"
    }
  }
}

extension CardRecord.State {
  var shown: String {
    switch self {
    case .registered: "blank"
    case .issuing: "being issued"
    case .issued: "issued"
    }
  }
}

extension PaybackKind {
  var shown: String {
    switch self {
    case .referral: "Referral"
    case .bulk: "Many codes at once"
    case .points: "Points"
    }
  }
}
