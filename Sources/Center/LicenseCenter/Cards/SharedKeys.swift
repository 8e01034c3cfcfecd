import Cryptography
import Formats
import Identifiers

/// The order for a key by which the holders of two cards speak with each other (P18).
public struct SharedKeyOrder: Hashable, Sendable {
  /// The order's own name: repeating it gives the same key again.
  public var operationID: OperationID
  /// The card whose holder asks, and relays the other's wrap.
  public var first: CardSerial
  /// The other card.
  public var second: CardSerial

  /// An order.
  public init(operationID: OperationID, first: CardSerial, second: CardSerial) {
    self.operationID = operationID
    self.first = first
    self.second = second
  }
}

/// K3 as the centre gives it away: wrapped once for each of two cards, and never in clear.
///
/// Both wraps go to the holder who asked. The one for the other card is relayed as it is: it tells nobody else anything.
public struct SharedKeyPair: Hashable, Sendable {
  /// The key's number, of which no centre gives two.
  public var number: UInt32
  /// The card whose holder asked, and its wrap, 40 octets.
  public var first: CardSerial, wrappedForFirst: [UInt8]
  /// The other card, and its wrap, 40 octets.
  public var second: CardSerial, wrappedForSecond: [UInt8]
}

/// The seller who manages cards, as the one who knows the individual keys K1 and K2 of two purchasers (P18, [0050]).
public struct SharedKeys: Sendable {
  let context: CenterContext

  /// Makes K3 and wraps it under keys of both cards. The centre keeps the wraps alone: nobody can ask it for K3.
  ///
  /// - Throws: ``CenterError/Code/invalid`` for a card and itself, ``CenterError/Code/notFound`` and
  ///   ``CenterError/Code/conflict`` for one that is not someone's, ``CenterError/Code/keyReused`` for an operation id that
  ///   was used for other cards.
  public func make(_ order: SharedKeyOrder) async throws(CenterError) -> SharedKeyPair {
    let operation = "Making a key for cards \(order.first) and \(order.second)"
    guard order.first != order.second else {
      throw CenterError(.invalid, operation, remedy: "Name two cards.")
    }
    let context = context
    return try await context.database.write { transaction in
      if let row = try transaction.first(
        "SELECT * FROM shared_keys WHERE operation = $1", [.blob(order.operationID.octets)])
      {
        let pair = try SharedKeyPair(row)
        guard pair.first == order.first, pair.second == order.second else {
          throw CenterError(.keyReused, operation, remedy: "This operation was done before for other cards.")
        }
        return pair
      }
      return try SharedKeys.make(transaction, context, order, operation)
    }
  }

  private static func make(
    _ transaction: any Transaction, _ context: CenterContext, _ order: SharedKeyOrder, _ operation: String
  ) throws -> SharedKeyPair {
    let first = try CardRow.issued(transaction, order.first)
    let second = try CardRow.issued(transaction, order.second)
    guard let number = UInt32(exactly: try transaction.nextNumber(of: "shared key")) else {
      throw CenterError(.limitReached, operation, remedy: "All numbers of shared keys are used up.")
    }
    let key = Secret(random: SharedKey.octetCount, from: context.random)
    func wrap(for holder: CardRow, with peer: CardRow) throws -> [UInt8] {
      try SharedKey.wrap(
        key, for: holder.serial, with: peer.serial, number: number,
        individualKey: try holder.individualKey(context.keys))
    }
    let pair = SharedKeyPair(
      number: number, first: order.first, wrappedForFirst: try wrap(for: first, with: second), second: order.second,
      wrappedForSecond: try wrap(for: second, with: first))
    let now = context.clock.now()
    try transaction.run(
      """
      INSERT INTO shared_keys (number, operation, first_card, second_card, first_wrap, second_wrap, made_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7)
      """,
      [
        .number(number), .blob(order.operationID.octets), .blob(pair.first.octets), .blob(pair.second.octets),
        .blob(pair.wrappedForFirst), .blob(pair.wrappedForSecond), .number(now),
      ])
    try AuditLog.append(
      transaction, at: now, "card.share", subject: order.first, detail: "key \(number) with card \(order.second)")
    return pair
  }
}

extension SharedKeyPair {
  fileprivate init(_ row: SQLRow) throws {
    number = try row.number("number")
    first = try row.value("first_card") { CardSerial(octets: $0) }
    second = try row.value("second_card") { CardSerial(octets: $0) }
    wrappedForFirst = try row.octets("first_wrap")
    wrappedForSecond = try row.octets("second_wrap")
  }
}
