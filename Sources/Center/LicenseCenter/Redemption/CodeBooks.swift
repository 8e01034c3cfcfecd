import Formats
import Identifiers

/// What became of the codes for one title that were sold with a card: the right to N uses, and where each of them is (P9).
public struct CodeBalance: Hashable, Sendable {
  /// The title.
  public var softwareID: SoftwareID
  /// How many codes there are in each state; those that a charge holds reserved are not sold.
  public var counts: [CodeSaleState: Int]
  /// What the codes cost that are sold and not paid back.
  public var amount: Money
  /// Copies that their redeemers may hand on, and copies that were taken (P10).
  public var copies: Int, copiesTaken: Int

  /// N: codes bought, whatever became of them since.
  public var bought: Int { counts.filter { $0.key != .reserved }.values.reduce(0, +) }
}

/// One of the offices between which messages go (P9, P11).
public enum Office: String, Hashable, Sendable, CaseIterable {
  /// Sells and manages cards, and keeps the database of users.
  case cardSeller
  /// Sells rights.
  case rightsSeller
  /// Distributes software.
  case distributor
  /// Whoever has a code.
  case user
}

/// A message from one office to another (P11), as the audit log has it.
public struct OfficeMessage: Hashable, Sendable {
  /// What it says.
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    /// The rights seller wants rights issued.
    case issueRequest
    /// The card seller issues them.
    case issue
    /// The card seller wants a title made for download.
    case makeRequest
    /// The distributor has made it.
    case make
    /// The distributor asks about a right.
    case inquiry
    /// The distributor provides a title.
    case provide
  }

  /// The audit log's record that it comes from.
  public var sequence: Int64
  /// When, seconds since 1970 UTC.
  public var time: UInt64
  /// What it says.
  public var kind: Kind
  /// Who says it.
  public var from: Office
  /// To whom.
  public var to: Office
  /// About which card or title.
  public var subject: String
}

/// The books about codes.
public struct CodeBooks: Sendable {
  let context: CenterContext

  /// What became of the codes sold with a card, a line for each title and currency.
  public func balances(of serial: CardSerial) async throws(CenterError) -> [CodeBalance] {
    try await context.database.read { transaction in
      let rows = try transaction.run(
        """
        SELECT k.software_id, k.currency, k.state, COUNT(*) AS codes, CAST(SUM(k.price) AS BIGINT) AS price,
        CAST(COALESCE(SUM(r.copies), 0) AS BIGINT) AS copies, CAST(COALESCE(SUM(r.taken), 0) AS BIGINT) AS taken
        FROM \(CodeSales.ofCard) LEFT JOIN copy_rights r ON r.parent = k.id
        GROUP BY k.software_id, k.currency, k.state ORDER BY k.software_id, k.currency, k.state
        """, [.blob(serial.octets)])
      return try rows.reduce(into: []) { balances, row in try CodeBooks.add(row, to: &balances) }
    }
  }

  private static func add(_ row: SQLRow, to balances: inout [CodeBalance]) throws {
    let softwareID = try row.value("software_id") { SoftwareID(octets: $0) }
    let state = try row.value("state") { CodeSaleState(rawValue: $0) }
    let price = try row.money("price")
    if balances.last?.softwareID != softwareID || balances.last?.amount.currency != price.currency {
      balances.append(
        CodeBalance(softwareID: softwareID, counts: [:], amount: .zero(price.currency), copies: 0, copiesTaken: 0))
    }
    guard var balance = balances.popLast() else { return }
    balance.counts[state] = try row.number("codes")
    if state != .reserved, state != .voided { balance.amount = try balance.amount.adding(price) }
    balance.copies += try row.number("copies", as: Int.self)
    balance.copiesTaken += try row.number("taken", as: Int.self)
    balances.append(balance)
  }

  /// What the offices told one another (P11), oldest first: read from the audit log, which nobody can rewrite unnoticed.
  ///
  /// - Parameter sequence: only what is behind this record of the audit log.
  public func messages(after sequence: Int64 = 0, limit: Int = 1000) async throws(CenterError) -> [OfficeMessage] {
    try await context.database.read { transaction in
      let names = messageKinds.keys.sorted().map { "'\($0)'" }.joined(separator: ", ")
      let rows = try transaction.run(
        """
        SELECT sequence, time, action, subject FROM audit_log
        WHERE sequence > $1 AND action IN (\(names)) ORDER BY sequence LIMIT $2
        """, [.integer(sequence), .number(limit)])
      return try rows.flatMap { row in
        try (messageKinds[try row.text("action")] ?? []).map { kind in
          OfficeMessage(
            sequence: try row.integer("sequence"), time: try row.number("time"), kind: kind, from: kind.from,
            to: kind.to, subject: try row.text("subject"))
        }
      }
    }
  }
}

/// Which messages stand behind which record of the audit log.
private let messageKinds: [String: [OfficeMessage.Kind]] = [
  "charge.open": [.issueRequest],
  "charge.book": [.issue],
  "sheet.sell": [.issueRequest, .issue],
  "title.register": [.makeRequest],
  "title.publish": [.make],
  "redeem.begin": [.inquiry],
  "redeem.finish": [.provide],
]

extension OfficeMessage.Kind {
  fileprivate var from: Office {
    switch self {
    case .issueRequest: .rightsSeller
    case .issue, .makeRequest: .cardSeller
    case .make, .inquiry, .provide: .distributor
    }
  }

  fileprivate var to: Office {
    switch self {
    case .issueRequest, .make, .inquiry: .cardSeller
    case .issue: .rightsSeller
    case .makeRequest: .distributor
    case .provide: .user
    }
  }
}
