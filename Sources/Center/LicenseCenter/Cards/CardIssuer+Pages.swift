import ChallengeAccess
import Formats
import Identifiers

/// What may be done with a card now.
public struct CardStanding: Hashable, Sendable {
  /// What the centre keeps about it.
  public var card: CardRecord
  /// How many codes may still be sold with it (P16); `nil` until it is issued.
  public var remainingCodes: Int?
  /// The charge whose fate is not known yet.
  public var openCharge: OperationID?
  /// Since when its holder has no access to the centre any more; `nil` for a card that is not blocked.
  public var blockedAt: UInt64?
}

extension CardIssuer {
  /// What may be done with a card now.
  ///
  /// - Throws: ``CenterError/Code/notFound`` for a card that is not registered.
  public func standing(of serial: CardSerial) async throws(CenterError) -> CardStanding {
    let context = context
    return try await context.database.read { transaction in
      try CardIssuer.standing(try CardRow.get(transaction, serial), transaction, context)
    }
  }

  /// At most `limit` cards by serial, those that follow `last` if it is given.
  public func standings(after last: CardSerial?, limit: Int) async throws(CenterError) -> [CardStanding] {
    let context = context
    return try await context.database.read { transaction in
      try transaction.run(
        "SELECT * FROM cards WHERE serial > $1 ORDER BY serial LIMIT $2", [.blob(last?.octets ?? []), .number(limit)]
      ).map { try CardIssuer.standing(try CardRow($0), transaction, context) }
    }
  }

  private static func standing(
    _ card: CardRow, _ transaction: any Transaction, _ context: CenterContext
  ) throws -> CardStanding {
    CardStanding(
      card: try card.record(context.vault, amounts: try CodeSales.amounts(transaction, card: card.serial)),
      remainingCodes: card.state == .issued ? try card.remainingCodes(transaction) : nil,
      openCharge: try ChargeRow.open(transaction, card: card.serial)?.outcome.operationID,
      blockedAt: try AccessClientRow.find(transaction, .card(card.serial), context.vault)?.record.revokedAt)
  }
}
