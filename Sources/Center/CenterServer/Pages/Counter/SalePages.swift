import Formats
import Identifiers
import LicenseCenter

/// Selling codes at the counter: on paper, or onto the card in its reader.
struct SalePages: Sendable {
  let center: Center
  let desk: ChargeDesk?

  private static let sheet = "/counter/sheets/{sheet}"
  private static let charge = "/counter/charges/{charge}"
  private static let order: [FormField] = [.text("title", limit: 34), .text("quantity", limit: 5), .optional("until")]

  var all: [Page] {
    let (access, card) = (CounterPages.access, CounterPages.card)
    return [
      .form(card + "/sheets", "sellSheet", access: access, fields: SalePages.order, back: card, serve: sell),
      .look(SalePages.sheet, "showSheet", access: access, back: "/counter", serve: showSheet),
      .form(SalePages.sheet + "/printed", "confirmPrinted", access: access, back: "/counter", serve: confirmPrinted),
      .form(
        card + "/charges", "chargeInReader", access: access,
        fields: SalePages.order + [.optional("fewer", limit: 3)], back: card, serve: charge),
      .look(SalePages.charge, "showCharge", access: access, back: "/counter", serve: showCharge),
      .form(SalePages.charge + "/again", "resumeCharge", access: access, back: SalePages.charge, serve: resume),
      .form(SalePages.charge + "/given-up", "giveChargeUp", access: access, back: SalePages.charge, serve: giveUp),
    ]
  }

  private func order(
    _ call: PageCall
  ) throws -> (card: CardSerial, title: SoftwareID, quantity: UInt16, conditions: CodeConditions) {
    guard let title = call.fields["title"].flatMap({ SoftwareID($0) }) else { throw FormReader.malformed }
    let limit = SealSheetOrder.maximumQuantity
    guard let quantity = try call.number("quantity", 1...limit) else { throw FormReader.malformed }
    return (
      try call.value("card") { CardSerial($0) }, title, quantity,
      try CodeConditions(expiry: try call.endOfDay("until"))
    )
  }

  // MARK: Sheets

  private func sell(_ call: PageCall) async throws -> PageReply {
    let order = try order(call)
    let sheet = try await center.rightsSeller.sell(
      SealSheetOrder(
        operationID: try call.operation, cardSerial: order.card, softwareID: order.title, quantity: order.quantity,
        url: call.origin + RedeemPages.path, conditions: order.conditions))
    return .seeOther("/counter/sheets/\(sheet.number)")
  }

  /// The sheet as it is printed (P2). It can be shown until somebody says that it is on paper: then the centre forgets it.
  private func showSheet(_ call: PageCall) async throws -> PageReply {
    let number = try call.value("sheet") { UInt64($0) }
    let sheet: SealSheet
    do throws(CenterError) {
      sheet = try await center.rightsSeller.sheet(number: number)
    } catch {
      guard error.code == .conflict else { throw error }
      throw Problem(
        .conflict, "This sheet was printed. The centre has forgotten its codes, and cannot show them again.")
    }
    var view: View = [
      "number": number, "serial": sheet.cardSerial.description, "sheetTitle": sheet.title, "url": sheet.url,
      "softwareID": sheet.softwareID.description, "codeCount": Shown.count(sheet.codes.count, "code"),
      "printedKey": call.key(for: "/counter/sheets/\(number)/printed"), "path": "/counter/sheets/\(number)",
      "cardPath": CounterPages.path(of: sheet.cardSerial),
    ]
    if let expiry = sheet.expiry { view["until"] = Shown.day(expiry) }
    view["seals"] = sheet.codes.enumerated().map { index, code -> View in
      var seal: View = ["place": index + 1, "code": code.text]
      if let picture = QRCode(SalePages.address(of: code, sheet.url)) {
        seal["side"] = picture.side
        seal["modules"] = picture.path
      }
      return seal
    }
    return .html("sheet", view)
  }

  /// What the QR code of a seal says: the page where codes are redeemed, with this one typed in already.
  static func address(of code: RetrievalCode, _ url: String) -> String { "\(url)?code=\(code.text)" }

  private func confirmPrinted(_ call: PageCall) async throws -> PageReply {
    let number = try call.value("sheet") { UInt64($0) }
    try await center.rightsSeller.confirmPrinted(number)
    return .seeOther("/counter")
  }

  // MARK: Charges

  private func charge(_ call: PageCall) async throws -> PageReply {
    let order = try order(call)
    return try begin(
      ChargeOrder(
        operationID: try call.operation, cardSerial: order.card, softwareID: order.title, quantity: order.quantity,
        acceptsFewer: call.fields["fewer"] != nil, conditions: order.conditions))
  }

  private func begin(_ order: ChargeOrder) throws(Problem) -> PageReply {
    guard let desk else { throw Problem(.conflict, "This server has no reader. Charge the card with the command.") }
    try desk.begin(order)
    return .seeOther("/counter/charges/\(order.operationID)")
  }

  /// How far a charge is: while it runs, the page looks again by itself each second.
  private func showCharge(_ call: PageCall) async throws -> PageReply {
    let name = try call.value("charge") { OperationID($0) }
    let standing = desk?.standing(of: name)
    let outcome = try await center.charging.outcome(of: name)
    guard let card = outcome?.cardSerial ?? standing?.order.cardSerial else {
      throw Problem(.notFound, "There is no charge of this name.")
    }
    let path = "/counter/charges/\(name)"
    var view: View = [
      "serial": card.description, "cardPath": CounterPages.path(of: card), "path": path,
      "reader": desk?.reader.name ?? "the reader",
    ]
    if let outcome {
      let title = try await center.titles.title(outcome.softwareID)
      view["desired"] = outcome.desired
      view["actual"] = Shown.count(outcome.actual, "code")
      view["amount"] = try outcome.amount.description
      view["chargeTitle"] = "\(title.name) \(title.version)"
      view["isFewer"] = outcome.actual < outcome.desired
      view["isBooked"] = outcome.state == .booked
      view["isVoid"] = outcome.state == .voided
    }
    if case .running = standing?.standing, outcome?.state != .booked {
      view["isRunning"] = true
      var reply = PageReply.html("charge", view)
      reply.refreshSeconds = 1
      return reply
    }
    if case .failed(let problem) = standing?.standing { view["failure"] = problem.pageDetail }
    if outcome?.state != .booked, outcome?.state != .voided {
      view["isUnsettled"] = true
      if standing != nil { view["againKey"] = call.key(for: path + "/again") }
      if outcome != nil { view["giveUpKey"] = call.key(for: path + "/given-up") }
    }
    return .html("charge", view)
  }

  private func resume(_ call: PageCall) async throws -> PageReply {
    let name = try call.value("charge") { OperationID($0) }
    guard let order = desk?.standing(of: name)?.order else {
      throw Problem(
        .conflict, "The server was started again since. Charge the card anew: that settles this charge first.")
    }
    return try begin(order)
  }

  private func giveUp(_ call: PageCall) async throws -> PageReply {
    let name = try call.value("charge") { OperationID($0) }
    _ = try await center.charging.refund(name)
    return .seeOther("/counter/charges/\(name)")
  }
}
