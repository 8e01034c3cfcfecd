import Formats
import Identifiers

/// A seat that a client has taken.
public struct Seat: Hashable, Sendable {
  /// Its number: 0 for that of a code, from 1 on for those of its copies.
  public var number: Int
  /// When its client began, seconds since 1970 UTC.
  public var begunAt: UInt64
  /// Octets that its client said it has.
  public var acknowledged: UInt64
  /// Octets of the file.
  public var octets: UInt64
  /// Whether its client has everything: then it cannot be taken back.
  public var isDone: Bool
}

/// Takes seats back whose clients are lost, so that the code can be redeemed again, and ends codes for good.
///
/// For the counter and for the holder of the card that the codes were sold with; the caller sees to it that it is one of
/// them. Nobody has two usable copies by it: a client gets the file's key only when its seat is done, and what is done
/// is not taken back.
public struct SeatRecovery: Sendable {
  let context: CenterContext

  private static let operation = "Taking a seat back"

  /// The taken seats of a code, or of a code for copying.
  ///
  /// - Throws: ``CenterError/Code/notFound`` for no code of this centre.
  public func seats(of code: RetrievalCode) async throws(CenterError) -> [Seat] {
    let context = context
    return try await context.database.read { transaction in
      try SeatRecovery.right(transaction, context, code).seats(transaction).map { row in
        Seat(
          number: row.seat, begunAt: row.begunAt, acknowledged: row.acknowledged, octets: row.publication.octets,
          isDone: row.state == .done)
      }
    }
  }

  /// Frees a seat; its ticket is worth nothing from now on. Freeing a free one changes nothing.
  ///
  /// - Returns: whether anything changed.
  /// - Throws: ``CenterError/Code/conflict`` for a seat whose client has everything.
  @discardableResult
  public func recover(_ code: RetrievalCode, seat: Int = 0) async throws(CenterError) -> Bool {
    let service = self
    return try await context.database.write { try service.recover(code, seat: seat, in: $0) }
  }

  /// The same inside of the transaction that keeps the answer (``Idempotency``).
  @discardableResult
  public func recover(_ code: RetrievalCode, seat: Int, in transaction: any Transaction) throws -> Bool {
    let right = try SeatRecovery.right(transaction, context, code)
    guard let row = try right.seats(transaction).first(where: { $0.seat == seat }) else { return false }
    guard row.state == .open else {
      throw CenterError(
        .conflict, SeatRecovery.operation, remedy: "Its client has the whole title; refund the code instead.")
    }
    return try row.recover(transaction, at: context.clock.now(), reason: "by the counter")
  }

  /// Gives up a download; the code can be redeemed again by whoever has it.
  ///
  /// - Throws: ``CenterError/Code/refused`` for a ticket that is good for nothing, ``CenterError/Code/conflict`` when the
  ///   download is done.
  public func giveUp(_ ticket: DownloadTicket) async throws(CenterError) {
    let service = self
    try await context.database.write { try service.giveUp(ticket, in: $0) }
  }

  /// The same inside of the transaction that keeps the answer (``Idempotency``).
  public func giveUp(_ ticket: DownloadTicket, in transaction: any Transaction) throws {
    let now = context.clock.now()
    let row = try Redemption.good(transaction, ticket, at: now)
    guard try row.recover(transaction, at: now, reason: "by the client") else {
      throw CenterError(.conflict, SeatRecovery.operation, remedy: "The download is done already.")
    }
  }

  /// Ends a code, whatever became of it, with its copies and with every key that comes from it: the limiting condition of
  /// Fig 12 (7), when the communication that it was for is over (P8). Saying so again changes nothing.
  ///
  /// - Throws: ``CenterError/Code/notFound`` for no code of this centre, ``CenterError/Code/conflict`` for a code for copying,
  ///   and for one whose charge is still open.
  public func retire(_ code: RetrievalCode) async throws(CenterError) {
    let context = context
    try await context.database.write { transaction in
      let right = try SeatRecovery.right(transaction, context, code)
      guard right.copies == nil else {
        throw CenterError(
          .conflict, SeatRecovery.operation, remedy: "This is a code for copying; retire the one that it comes from.")
      }
      guard right.state != .voided else { return }
      guard right.state != .reserved else {
        throw CenterError(
          .conflict, SeatRecovery.operation, remedy: "Its charge is not settled yet; carry that on, or give it up.")
      }
      try SeatRecovery.void(transaction, context, code: right.codeID, reason: "retired")
    }
  }

  /// Makes a code worth nothing, in the transaction that pays it back or ends it: open seats are taken back first.
  static func void(
    _ transaction: any Transaction, _ context: CenterContext, code: Int64, reason: String
  ) throws {
    let now = context.clock.now()
    for seat in try RedemptionRow.seats(transaction, code: code) {
      _ = try seat.recover(transaction, at: now, reason: reason)
    }
    try transaction.run("UPDATE codes SET state = 'voided', code = NULL WHERE id = $1", [.integer(code)])
    try AuditLog.append(transaction, at: now, "code.void", subject: "code \(code)", detail: reason)
  }

  private static func right(
    _ transaction: any Transaction, _ context: CenterContext, _ code: RetrievalCode
  ) throws -> RedeemableRight {
    guard let right = try RedeemableRight.find(transaction, try CodeSales.lookups(code, context.keys)) else {
      throw CenterError(.notFound, operation, remedy: "This centre made no such code; check how it was typed.")
    }
    return right
  }
}
