import Formats
import HTTPTypes
import Identifiers
import LicenseCenter

/// The books: accounts, and what moved on them.
enum LedgerEndpoints {
  static func all(_ center: Center) -> [Endpoint] {
    [deposit(center), accounts(center), entries(center), accountEntries(center)]
  }

  private static func deposit(_ center: Center) -> Endpoint {
    Endpoint(
      .post, "/v1/ledger/deposits", "deposit", "Takes money in over the counter for a holder, once.",
      access: .roles([.counter]),
      body: .named(
        "Deposit", .object([.init("card", .cardSerial, "The holder's card."), .init("amount", .money, "How much.")])),
      answer: .json(.done, "It is on the holder's account."), problems: [.notFound, .conflict, .unprocessable]
    ) { call in
      try await center.ledger.deposit(
        try call.body.money("amount"), for: try call.cardInBody, operation: try call.operation)
      return .done
    }
  }

  private static func accounts(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/ledger/accounts", "listAccounts", "The accounts, in the order of their opening.",
      access: .roles([.counter, .auditor]), parameters: Paging.parameters(after: .number),
      answer: .json(Paging.schema("AccountPage", "accounts", of: accountSchema, next: .number), "One page.")
    ) { call in
      let after = call.afterNumber
      return try await Paging.page(
        call, "accounts", next: { .number($0.number) },
        document: { account in
          [
            "account": .number(account.number), "kind": .text(account.kind), "owner": .text(account.owner),
            "balance": .money(account.balance),
          ]
        }
      ) { try await center.ledger.accounts(after: after, limit: $0) }
    }
  }

  private static func entries(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/ledger/entries", "listEntries", "What moved, oldest first. Each entry adds up to nothing.",
      access: .roles([.counter, .auditor]), parameters: Paging.parameters(after: .number),
      answer: .json(page, "One page.")
    ) { call in
      let after = call.afterNumber
      return try await Paging.page(call, "entries", next: { .number($0.number) }, document: document) {
        try await center.ledger.entries(after: after, limit: $0)
      }
    }
  }

  private static func accountEntries(_ center: Center) -> Endpoint {
    Endpoint(
      .get, "/v1/ledger/accounts/{account}/entries", "listAccountEntries", "What moved on one account, oldest first.",
      access: .roles([.counter, .auditor]),
      parameters: [.path("account", .number, "The account's number.")] + Paging.parameters(after: .number),
      answer: .json(page, "One page."), problems: [.notFound]
    ) { call in
      let (account, after) = (try call.number("account"), call.afterNumber)
      return try await Paging.page(call, "entries", next: { .number($0.number) }, document: document) {
        try await center.ledger.entries(of: account, after: after, limit: $0)
      }
    }
  }

  private static func document(_ entry: LedgerEntryRecord) -> JSON {
    [
      "entry": .number(entry.number), "operation": .text(entry.operation), "memo": .text(entry.memo),
      "time": .number(entry.time),
      "postings": .array(
        entry.postings.map { ["account": .number($0.account), "amount": .money($0.amount)] }),
    ]
  }

  private static let page = Paging.schema("EntryPage", "entries", of: entrySchema, next: .number)

  private static let accountSchema = Schema.named(
    "Account",
    .object([
      .init("account", .number, "Its number."), .init("kind", .text(.plain(1...64)), "What it is."),
      .init(
        "owner", .text(.plain(0...200)),
        "Whose: a card's serial, a seller's or a processor's name, a kind of pay-back; empty for the till."),
      .init("balance", .money, "What is on it."),
    ]))

  private static let entrySchema = Schema.named(
    "Entry",
    .object([
      .init("entry", .number, "Its number."),
      .init("operation", .text(.plain(1...200)), "What moved it; each moves money once."),
      .init("memo", .text(.plain(0...200)), "What for."), .init("time", .time, "When, seconds since 1970 UTC."),
      .init(
        "postings",
        .array(
          .named(
            "Posting",
            .object([
              .init("account", .number, "The account's number."),
              .init("amount", .money, "What it gained; negative for what it gave."),
            ])), limit: 1000), "Which accounts."),
    ]))
}
