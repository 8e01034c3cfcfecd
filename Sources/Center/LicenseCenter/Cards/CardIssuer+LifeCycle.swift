import CardProtocol
import ChallengeAccess
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
  /// The order is in the audit log before the card hears of it, and unless it makes the card usable, the access that
  /// somebody had by the card ends with it (``AccessDesk``). If the line breaks, the same may be asked again: a card
  /// that is in that state already is left alone.
  ///
  /// - Returns: whether the card changed.
  /// - Throws: ``CenterError/Code/conflict`` for a card that was never issued or is at its end;
  ///   ``CenterError/Code/notCertified`` for one that says it is at its end without an order of this centre.
  public func setCustody(
    _ custody: CardCustody, of serial: CardSerial, over relay: any CardRelay
  ) async throws(CenterError) -> Bool {
    let operation = "Making card \(serial) \(custody.rawValue)"
    let context = context
    let issuerRoot = try await context.database.read { try CardRow.issued($0, serial).issuerRoot }
    let dialogue = CardDialogue(relay, random: context.random, operation: operation)
    do {
      // Ends a session that may be open; a locked card takes it, one at its end answers nothing but its status.
      try await dialogue.select(orLocked: true)
    } catch {
      guard error.statusWord == .conditionsNotSatisfied,
        try await dialogue.status(of: serial).lifeCycle == .terminated
      else { throw error }
      return try await acceptEnd(of: serial, as: custody, operation)
    }
    // Another card than the one meant is told here; what it says in clear is believed no further.
    _ = try await dialogue.status(of: serial)
    try await dialogue.openIndividualChannel(to: serial, issuerRoot: issuerRoot, context.keys)
    guard try await dialogue.status(of: serial).lifeCycle != custody.lifeCycle else { return false }
    try await note("card.custody.order", custody, serial)
    try await dialogue.perform(.setStatus(custody.lifeCycle, serial: serial), writes: true)
    try await note("card.custody", custody, serial)
    return true
  }

  /// Takes a card's word that it is at its end. It has no key left to prove that by, and anybody on the line can say so in
  /// its name, so the centre must have ordered it before.
  ///
  /// - Returns: `false`, as nothing changed.
  private func acceptEnd(
    of serial: CardSerial, as custody: CardCustody, _ operation: String
  ) async throws(CenterError) -> Bool {
    guard custody == .terminated else {
      throw CenterError(.conflict, operation, remedy: "The card is at its end; take another.")
    }
    let order = try await context.database.read { transaction in
      try transaction.first(
        "SELECT sequence FROM audit_log WHERE action = 'card.custody.order' AND subject = $1 AND detail = $2 LIMIT 1",
        [.text(serial.description), .text(custody.rawValue)])
    }
    guard order != nil else {
      throw CenterError(
        .notCertified, operation,
        remedy: "The card says that it is at its end, which this centre never ordered; try another reader.")
    }
    return false
  }

  private func note(_ action: String, _ custody: CardCustody, _ serial: CardSerial) async throws(CenterError) {
    let context = context
    try await context.database.write { transaction in
      if custody != .usable { try AccessDesk.endTokens(of: .card(serial), transaction) }
      try AuditLog.append(transaction, at: context.clock.now(), action, subject: serial, detail: custody.rawValue)
    }
  }
}
