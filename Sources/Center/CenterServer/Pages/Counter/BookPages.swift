import Formats
import LicenseCenter

/// The books, page by page: accounts and what moved on them, and the audit log.
struct BookPages: Sendable {
  let center: Center

  private static let access = Endpoint.Access.roles([.counter, .auditor])
  private static let limit = 50

  var all: [Page] {
    [
      .look(
        "/counter/ledger", "showLedger", access: BookPages.access,
        fields: [.optional("account", limit: 20), .optional("after", limit: 20)], serve: ledger),
      .look(
        "/counter/audit", "showAudit", access: BookPages.access, fields: [.optional("before", limit: 20)],
        serve: audit),
    ]
  }

  private func ledger(_ call: PageCall) async throws -> PageReply {
    let account: Int64? = try call.number("account", 1...Int64.max)
    let after: Int64 = try call.number("after", 0...Int64.max) ?? 0
    let accounts = try await center.ledger.accounts(limit: 1000)
    let names = Dictionary(accounts.map { ($0.number, $0.shown) }, uniquingKeysWith: { $1 })
    let found = try await center.ledger.entries(of: account, after: after, limit: BookPages.limit + 1)
    let page = found.prefix(BookPages.limit)
    var view: View = [
      "accounts": accounts.map { account -> View in
        ["accountNumber": account.number, "accountName": account.shown, "balance": account.balance.description]
      }, "hasAccounts": !accounts.isEmpty, "hasEntries": !page.isEmpty,
      "entries": page.map { entry -> View in
        [
          "entryNumber": entry.number, "memo": entry.memo, "time": Shown.time(entry.time),
          "postings": entry.postings.map { posting -> View in
            [
              "postingAccount": names[posting.account] ?? "account \(posting.account)",
              "amount": posting.amount.description,
            ]
          },
        ]
      },
    ]
    if let account {
      view["only"] = names[account] ?? "account \(account)"
      view["onlyNumber"] = account
    }
    if found.count > page.count, let last = page.last { view["next"] = last.number }
    return .html("ledger", view)
  }

  /// The newest records first.
  private func audit(_ call: PageCall) async throws -> PageReply {
    let head = try await center.audit.head().sequence
    let before = min(try call.number("before", 1...Int64.max) ?? Int64.max, head + 1)
    let first = max(0, before - 1 - Int64(BookPages.limit))
    let entries = try await center.audit.entries(after: first, limit: BookPages.limit)
      .filter { $0.sequence < before }.reversed()
    var view: View = [
      "entries": entries.map { entry -> View in
        [
          "sequence": entry.sequence, "time": Shown.time(entry.time), "action": entry.action, "subject": entry.subject,
          "note": entry.detail,
        ]
      }, "head": head,
    ]
    if first > 0 { view["older"] = first + 1 }
    if before <= head { view["newest"] = true }
    return .html("audit", view)
  }
}

extension LedgerAccountRecord {
  /// For people.
  fileprivate var shown: String {
    switch kind {
    case "cash": "Till"
    case "holder": "Card \(owner)"
    case "payback": "Pay-back of card \(owner)"
    case "seller": "Seller \(owner)"
    case "processor": "Processor \(owner)"
    case "promotion": "Cost of pay-back: \(owner)"
    default: "\(kind) \(owner)"
    }
  }
}
