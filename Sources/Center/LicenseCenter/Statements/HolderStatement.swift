import Formats
import Identifiers

/// Codes of one title in one state.
public struct CodeCount: Hashable, Sendable {
  /// The title.
  public var softwareID: SoftwareID
  /// Its name and version.
  public var title: String
  /// Where they stand (P17).
  public var state: CodeSaleState
  /// How many.
  public var count: Int
}

/// One code as its holder sees it: never the code itself, which the centre does not know.
public struct CodeLine: Hashable, Sendable {
  /// Its number at the centre, by which the next page begins.
  public var number: UInt64
  /// The title that it buys.
  public var softwareID: SoftwareID
  /// Where it stands.
  public var state: CodeSaleState
  /// What it cost.
  public var price: Money
  /// When it was made, seconds since 1970 UTC.
  public var madeAt: UInt64
  /// The last second at which it is good; `nil` for no end.
  public var expiry: UInt64?
  /// The charge it came with, by its number on the card; `nil` for one on paper.
  public var charge: UInt32?
  /// The seal sheet it stands on; `nil` for one on the card.
  public var sheet: UInt64?
  /// Its place in the charge or on the sheet, from 0.
  public var position: UInt32
}

/// What a holder has in one currency; points are a currency of their own.
public struct HolderBalance: Hashable, Sendable {
  /// On the account: positive is credit, negative is owed.
  public var account: Money
  /// Pay-back that is granted and not paid out.
  public var payback: Money
}

/// Everything that the centre has to tell a holder about their card, at one moment.
public struct HolderStatement: Hashable, Sendable {
  /// The card (Fig 8): utilisation count and amount, maximum.
  public var card: CardRecord
  /// Codes by title and state.
  public var codes: [CodeCount]
  /// Balances, one for each currency that ever moved.
  public var balances: [HolderBalance]
  /// What was granted as pay-back.
  public var grants: [PaybackGrant]
  /// Whether bills are collected from a means of payment.
  public var hasPaymentMethod: Bool
  /// Payments.
  public var payments: [PaymentRecord]
  /// Refunds.
  public var refunds: [RefundOutcome]
  /// Notices, and how far they have come.
  public var notices: [NoticeRecord]
}
