import CardProtocol
import Formats
import Identifiers
import ISO7816

/// A state into which the issuer can put a card of his own (GlobalPlatform 2.3.1, 5.1.1).
public enum CardCustody: String, Hashable, Sendable, CaseIterable {
  /// In use.
  case usable
  /// Locked: it holds what it holds and does nothing, until it is unlocked.
  case locked
  /// At its end, for ever.
  case terminated

  var lifeCycle: LifeCycle {
    switch self {
    case .usable: .secured
    case .locked: .cardLocked
    case .terminated: .terminated
    }
  }
}

extension CardIssuer {
  /// Locks, unlocks or ends a card by SET STATUS inside SCP03, where only its issuer can speak.
  ///
  /// The order is in the audit log before the card hears of it. If the line breaks, the same may be asked again: a card
  /// that is in that state already is left alone.
  ///
  /// - Returns: whether the card changed.
  /// - Throws: ``CenterError/Code/conflict`` for a card that was never issued or is at its end.
  public func setCustody(
    _ custody: CardCustody, of serial: CardSerial, over relay: any CardRelay
  ) async throws(CenterError) -> Bool {
    let operation = "Making card \(serial) \(custody.rawValue)"
    let context = context
    let issuerRoot = try await context.database.read { try CardRow.issued($0, serial).issuerRoot }
    let dialogue = CardDialogue(relay, random: context.random, operation: operation)
    // Before any SELECT: a card at its end answers nothing else.
    let state = try await dialogue.status(of: serial).lifeCycle
    if state == .terminated {
      guard custody != .terminated else { return false }
      throw CenterError(.conflict, operation, remedy: "The card is at its end; take another.")
    }
    try await dialogue.select(orLocked: true)
    try await dialogue.openIndividualChannel(to: serial, issuerRoot: issuerRoot, context.keys)
    // What was read in clear may have been made up on the line.
    guard try await dialogue.status(of: serial).lifeCycle != custody.lifeCycle else { return false }
    try await note("card.custody.order", custody, serial)
    try await dialogue.perform(.setStatus(custody.lifeCycle, serial: serial), writes: true)
    try await note("card.custody", custody, serial)
    return true
  }

  private func note(_ action: String, _ custody: CardCustody, _ serial: CardSerial) async throws(CenterError) {
    let context = context
    try await context.database.write { transaction in
      try AuditLog.append(transaction, at: context.clock.now(), action, subject: serial, detail: custody.rawValue)
    }
  }
}
