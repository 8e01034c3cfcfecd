import CardProtocol
import Formats
import Identifiers

/// The card's word on its last charge, and what the books say of that charge.
public struct VerifiedReceipt: Hashable, Sendable {
  /// The receipt; its MAC is the card's.
  public let receipt: ChargeReceipt
  /// The charge it is for; `nil` when the books have none with this number and these codes.
  public let charge: ChargeOutcome?
  /// Whether it settled that charge just now.
  public let isNews: Bool
}

extension Charging {
  /// Asks a card for the receipt of its last charge, checks that it is the card's word, and settles the charge by it if
  /// that was open. Sends no codes: a charge that the card does not have stays open.
  ///
  /// - Returns: `nil` for a card that was never charged.
  /// - Throws: ``CenterError/Code/notCertified`` for a receipt that is not this card's.
  public func receipt(of serial: CardSerial, over relay: any CardRelay) async throws(CenterError) -> VerifiedReceipt? {
    let operation = "Checking the receipt of card \(serial)"
    let issuerRoot = try await context.database.read { try CardRow.issued($0, serial).issuerRoot }
    let session = try await ChargingSession(
      context: context, serial: serial, issuerRoot: issuerRoot, relay: relay, operation: operation)
    return try await session.verifiedReceipt()
  }
}
