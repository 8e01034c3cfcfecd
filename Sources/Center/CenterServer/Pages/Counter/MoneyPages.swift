import Formats
import Identifiers
import LicenseCenter

/// Money and words over the counter, for one card.
struct MoneyPages: Sendable {
  let center: Center

  var all: [Page] {
    let (access, card) = (CounterPages.access, CounterPages.card)
    let amount: [FormField] = [.text("amount", limit: 24), .text("currency", limit: 3)]
    return [
      .form(card + "/deposits", "deposit", access: access, fields: amount, back: card, serve: deposit),
      .form(
        card + "/payouts", "payOut", access: access, fields: amount + [.text("destination", limit: 8)], back: card,
        serve: payOut),
      .form(
        card + "/points", "exchangePoints", access: access,
        fields: [.text("points", limit: 18), .text("currency", limit: 3)], back: card, serve: exchange),
      .form(
        card + "/refunds", "refundCodes", access: access,
        fields: [.text("source", limit: 8), .text("which", limit: 64), .text("destination", limit: 8)], back: card,
        serve: refund),
      .form(
        card + "/notices", "sendNotice", access: access, fields: [.text("text", limit: 1000)], back: card, serve: notice
      ),
    ]
  }

  private func card(_ call: PageCall) throws(Problem) -> CardSerial { try call.value("card") { CardSerial($0) } }

  private func deposit(_ call: PageCall) async throws -> PageReply {
    let card = try card(call)
    // Money is taken in for a card that is there.
    _ = try await center.cardIssuer.card(card)
    try await center.ledger.deposit(try call.amount(), for: card, operation: try call.operation)
    return .seeOther(CounterPages.path(of: card))
  }

  private func payOut(_ call: PageCall) async throws -> PageReply {
    let card = try card(call)
    guard let destination = call.fields["destination"].flatMap(PaybackDestination.init(rawValue:)) else {
      throw FormReader.malformed
    }
    try await center.payback.payOut(try call.amount(), of: card, to: destination, operation: try call.operation)
    return .seeOther(CounterPages.path(of: card))
  }

  private func exchange(_ call: PageCall) async throws -> PageReply {
    let card = try card(call)
    guard let points: Int64 = try call.number("points", 1...1_000_000_000_000),
      let currency = call.fields["currency"].flatMap({ Currency($0.uppercased()) })
    else { throw FormReader.malformed }
    _ = try await center.payback.exchange(points: points, of: card, into: currency, operation: try call.operation)
    return .seeOther(CounterPages.path(of: card))
  }

  private func refund(_ call: PageCall) async throws -> PageReply {
    let card = try card(call)
    guard let destination = call.fields["destination"].flatMap(RefundDestination.init(rawValue:)) else {
      throw FormReader.malformed
    }
    let source = try await source(call, card)
    _ = try await center.refunds.refund(
      RefundOrder(operationID: try call.operation, cardSerial: card, source: source, destination: destination))
    return .seeOther(CounterPages.path(of: card))
  }

  private func source(_ call: PageCall, _ card: CardSerial) async throws -> RefundSource {
    let typed = call.fields["which"] ?? ""
    switch call.fields["source"] {
    case "sheet":
      guard let number = UInt64(typed) else { throw Problem(.invalid, "Write the sheet's number.") }
      return .sheet(number)
    case "charge":
      guard let number = UInt32(typed),
        let charge = try await center.charging.charges(of: card).last(where: { $0.number == number })
      else { throw Problem(.invalid, "Write the number of a charge of this card.") }
      return .charge(charge.operationID)
    case "code":
      do { return .code(try RetrievalCode(typed: typed)) } catch { throw Problem(.invalid, error.advice) }
    default: throw FormReader.malformed
    }
  }

  private func notice(_ call: PageCall) async throws -> PageReply {
    let card = try card(call)
    _ = try await center.notices.send(call.fields["text"] ?? "", to: card, operation: try call.operation)
    return .seeOther(CounterPages.path(of: card))
  }
}
