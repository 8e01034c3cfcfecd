import Formats
import Identifiers

/// A payment as the centre has it.
public struct PaymentRecord: Hashable, Sendable {
  /// How far a payment has come.
  public enum State: String, Hashable, Sendable, CaseIterable {
    /// The processor was, or is about to be, asked to set the amount aside; its answer is not known.
    case authorising
    /// The amount is set aside; the sale is not booked yet.
    case authorised
    /// The means of payment was refused.
    case declined
    /// The sale is booked; that the amount is taken is not confirmed yet.
    case capturing
    /// The amount is taken, and on the holder's account.
    case captured
    /// The sale is booked and the amount was refused after all: the holder owes it.
    case uncollected
    /// Nothing was sold; that the amount is let go is not confirmed yet.
    case voiding
    /// Nothing is set aside any more.
    case voided

    /// Whether the processor has to be asked before the payment gets further.
    public var isUnderWay: Bool {
      switch self {
      case .authorising, .capturing, .voiding: true
      case .authorised, .declined, .captured, .uncollected, .voided: false
      }
    }
  }

  /// Its name at the processor.
  public var payment: OperationID
  /// What it pays: the operation of the ledger that bills it, such as `charge:…`.
  public var bill: String
  /// Whose means of payment.
  public var cardSerial: CardSerial
  /// The processor's name.
  public var processor: String
  /// How much.
  public var amount: Money
  /// How far it has come.
  public var state: State
  /// How much of it was paid back, or is about to be.
  public var refunded: Money
  /// When it was opened, seconds since 1970 UTC.
  public var openedAt: UInt64
  /// When its state became the last one, seconds since 1970 UTC; `nil` before.
  public var closedAt: UInt64?
}

extension PaymentRecord {
  init(_ row: SQLRow) throws {
    payment = try row.value("payment") { OperationID(octets: $0) }
    bill = try row.text("bill")
    cardSerial = try row.value("card") { CardSerial(octets: $0) }
    processor = try row.text("processor")
    amount = try row.money("amount")
    state = try row.value("state") { State(rawValue: $0) }
    refunded = try row.money("refunded")
    openedAt = try row.number("opened_at")
    closedAt = try row.optionalNumber("closed_at")
  }

  static func find(_ transaction: any Transaction, bill: String) throws -> PaymentRecord? {
    try transaction.first("SELECT * FROM payments WHERE bill = $1", [.text(bill)]).map(PaymentRecord.init)
  }

  static func get(_ transaction: any Transaction, _ payment: OperationID) throws -> PaymentRecord {
    guard let row = try transaction.first("SELECT * FROM payments WHERE payment = $1", [.blob(payment.octets)]) else {
      throw CenterError(.notFound, "Looking up a payment", remedy: "There is no payment of this name.")
    }
    return try PaymentRecord(row)
  }
}

/// Part of a captured payment on its way back.
public struct PaymentRefundRecord: Hashable, Sendable {
  /// How far it has come.
  public enum State: String, Hashable, Sendable {
    /// That it is paid back is not confirmed yet.
    case refunding
    /// It is paid back.
    case refunded
    /// The processor refused; it is on the holder's account again.
    case declined
  }

  /// Its name at the processor.
  public var refund: OperationID
  /// The payment.
  public var payment: OperationID
  /// How much.
  public var amount: Money
  /// How far it has come.
  public var state: State

  init(_ row: SQLRow) throws {
    refund = try row.value("refund") { OperationID(octets: $0) }
    payment = try row.value("payment") { OperationID(octets: $0) }
    amount = try row.money("amount")
    state = try row.value("state") { State(rawValue: $0) }
  }

  static func find(_ transaction: any Transaction, _ refund: OperationID) throws -> PaymentRefundRecord? {
    try transaction.first("SELECT * FROM payment_refunds WHERE refund = $1", [.blob(refund.octets)])
      .map(PaymentRefundRecord.init)
  }
}
