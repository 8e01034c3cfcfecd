import Cryptography
import Formats
import Identifiers
import Octets

/// Collects what holders are billed from the means of payment that they have on file; whoever has none pays as before,
/// over the counter.
///
/// A sale goes: the payment is noted, the amount set aside (`authorise`), the sale booked and in the same transaction
/// the payment marked to be taken, the amount taken (`capture`). Nothing is sold on a refused means of payment. Whatever
/// is not answered stays noted, and ``reconcile(abandonedAfter:)`` asks again under the same name until it is.
public struct Payments: Sendable {
  let context: CenterContext

  static let operation = "Collecting a payment"

  /// Files a holder's means of payment, in place of an earlier one. Payments under way keep theirs. The same operation again
  /// changes nothing.
  ///
  /// - Throws: ``CenterError/Code/conflict`` when the centre has no payment processor, ``CenterError/Code/invalid`` for a
  ///   means of payment that is none of this processor's.
  public func file(
    _ method: PaymentMethod, for serial: CardSerial, operation name: OperationID? = nil
  ) async throws(CenterError) {
    let operation = "Filing a means of payment"
    let processor = try processor(operation)
    guard processor.accepts(method) else {
      throw CenterError(.invalid, operation, remedy: "The processor \(processor.name) knows no such means of payment.")
    }
    let context = context
    let order = [serial.octets, Array(method.token.utf8)]
    try await context.write(once: name, operation, order) { transaction in
      _ = try CardRow.issued(transaction, serial)
      let sealed = try context.vault.seal(
        Secret(copying: Array(method.token.utf8)), .paymentMethod, row: serial.octets)
      let now = context.clock.now()
      try transaction.run(
        """
        INSERT INTO payment_methods (card, processor, method, filed_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (card) DO UPDATE SET processor = $2, method = $3, filed_at = $4
        """,
        [.blob(serial.octets), .text(processor.name), .blob(sealed), .number(now)])
      try AuditLog.append(transaction, at: now, "payment.method.file", subject: serial, detail: processor.name)
    }
  }

  /// Forgets a holder's means of payment; further bills stay on the account. The same operation again changes nothing.
  public func forgetMethod(of serial: CardSerial, operation name: OperationID? = nil) async throws(CenterError) {
    let context = context
    try await context.write(once: name, "Forgetting a means of payment", [serial.octets]) { transaction in
      let gone = try transaction.run(
        "DELETE FROM payment_methods WHERE card = $1 RETURNING processor", [.blob(serial.octets)])
      guard !gone.isEmpty else { return }
      try AuditLog.append(transaction, at: context.clock.now(), "payment.method.forget", subject: serial)
    }
  }

  /// The payments of a holder, oldest first.
  public func payments(of serial: CardSerial) async throws(CenterError) -> [PaymentRecord] {
    try await context.database.read { try Payments.payments($0, of: serial) }
  }

  /// The payment of a bill; `nil` for a bill that stays on the account.
  public func payment(of bill: String) async throws(CenterError) -> PaymentRecord? {
    try await context.database.read { try PaymentRecord.find($0, bill: bill) }
  }

  static func payments(_ transaction: any Transaction, of serial: CardSerial) throws -> [PaymentRecord] {
    try transaction.run("SELECT * FROM payments WHERE card = $1 ORDER BY opened_at, payment", [.blob(serial.octets)])
      .map(PaymentRecord.init)
  }

  func processor(_ operation: String) throws(CenterError) -> any PaymentProcessor {
    guard let processor = context.processor else {
      throw CenterError(.conflict, operation, remedy: "This centre was opened without a payment processor.")
    }
    return processor
  }
}

/// The payment processor that a centre is opened with.
public enum PaymentConnection: Sendable {
  /// None: every bill stays on the holder's account.
  case none
  /// The embedded simulator, its books in the centre's database. It moves no money.
  case simulated
  /// Somebody's.
  case processor(any PaymentProcessor)

  func processor(_ database: any Database) -> (any PaymentProcessor)? {
    switch self {
    case .none: nil
    case .simulated: SimulatedProcessor(database: database)
    case .processor(let processor): processor
    }
  }
}
