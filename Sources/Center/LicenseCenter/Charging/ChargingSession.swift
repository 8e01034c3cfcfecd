import CardProtocol
import Cryptography
import Formats
import Identifiers
import ISO7816
import Octets
import SecureChannel

/// A card's status that fits the centre's books, and how far those had come before the card was asked.
struct BookedStatus {
  var status: CardStatus
  /// The card's newest charge, ``ChargeRow/last(_:card:)``.
  var lastCharge: Int64
}

/// One certified conversation in which a card is charged, or asked what it holds.
final class ChargingSession {
  private let context: CenterContext
  private let serial: CardSerial
  private let relay: any CardRelay
  private let operation: String
  private let issuerRoot: UInt32
  private var dialogue: CardDialogue

  /// Why the card would not take the charge that was voided last.
  private(set) var lastRefusal: CenterError

  /// Certifies the card (S11): SCP03 under the key set that only it and the centre can derive.
  init(
    context: CenterContext, serial: CardSerial, relay: any CardRelay, operation: String
  ) async throws(CenterError) {
    self.context = context
    self.serial = serial
    self.relay = relay
    self.operation = operation
    lastRefusal = CenterError(.cardRefused, operation, remedy: "Nothing was charged and nothing billed.")
    issuerRoot = try await context.database.read { try CardRow.issued($0, serial).issuerRoot }
    dialogue = CardDialogue(relay, random: context.random, operation: operation)
    try await certify()
  }

  /// The card's status, once it fits what the centre booked.
  ///
  /// - Throws: ``CenterError/Code/notCertified`` for a counter that was turned back (an old image of the card), or that
  ///   counts charges which this centre never sent; ``CenterError/Code/conflict`` when a charge is open.
  func bookedStatus() async throws(CenterError) -> BookedStatus {
    let (serial, operation) = (serial, operation)
    // The books are read before the card: a charge that begins after that shows when the next number is taken.
    let lastCharge = try await context.database.read { transaction in
      guard try ChargeRow.open(transaction, card: serial) == nil else {
        throw CenterError(.conflict, operation, remedy: "Another charge of this card is under way; run it again.")
      }
      return try ChargeRow.last(transaction, card: serial)
    }
    let status = try await dialogue.status(of: serial)
    let (booked, fits) = try await context.database.read { transaction in
      let card = try CardRow.issued(transaction, serial)
      return (try card.chargeNumber, try ChargeRow.fits(transaction, counter: status.chargeCounter, card))
    }
    guard fits else {
      throw CenterError(
        .notCertified, operation,
        remedy: "The card counts \(status.chargeCounter) charges where \(booked) are booked; it may be an old copy.")
    }
    return BookedStatus(status: status, lastCharge: lastCharge)
  }

  /// The receipt of the card's last charge, which also settles that charge if it is open.
  func verifiedReceipt() async throws(CenterError) -> VerifiedReceipt? {
    guard try await dialogue.status(of: serial).chargeCounter > 0 else { return nil }
    let octets = try await storedReceipt()
    guard let receipt = try? ChargeReceipt(octets.span.bytes), isAuthentic(receipt) else { throw foreignReceipt() }
    let serial = serial
    let row = try await context.database.read { transaction in
      try ChargeRow.find(transaction, card: serial, number: receipt.number, batchDigest: receipt.digest)
    }
    guard let row, row.outcome.state == .open else {
      return VerifiedReceipt(receipt: receipt, charge: row?.outcome, isNews: false)
    }
    return VerifiedReceipt(receipt: receipt, charge: try await settle(row, by: octets), isNews: true)
  }

  /// Finds out what became of the card's open charge, and finishes it.
  func settleOpenCharge() async throws(CenterError) -> ChargeOutcome? {
    let serial = serial
    guard let charge = try await context.database.read({ try ChargeRow.open($0, card: serial) }) else { return nil }
    let status = try await dialogue.status(of: serial)
    let counter = status.chargeCounter
    if counter == charge.outcome.number { return try await settle(charge, by: try await storedReceipt()) }
    guard counter < .max, counter + 1 == charge.outcome.number else {
      throw CenterError(
        .notCertified, operation,
        remedy:
          "The card counts \(counter) charges, charge \(charge.outcome.number) is open: no copy fits.")
    }
    return try await settled(charge)
  }

  /// Sends an open charge that the card does not have, and books it.
  ///
  /// - Throws: ``CenterError/Code/cardRefused`` when the card would not take it; then it is voided and nothing billed.
  func complete(_ charge: ChargeRow) async throws(CenterError) -> ChargeOutcome {
    let outcome = try await settled(charge)
    guard outcome.state == .booked else { throw lastRefusal }
    return outcome
  }

  /// Has the price set aside where a means of payment is on file, sends, then books or, if either was refused, voids.
  private func settled(_ charge: ChargeRow) async throws(CenterError) -> ChargeOutcome {
    let context = context
    do {
      try await Payments(context: context).authorise(bill: charge.outcome.bill)
    } catch {
      guard error.code == .paymentDeclined else { throw error }
      lastRefusal = error
      return try await void(charge, "payment declined")
    }
    let objects = try await context.database.read { transaction in
      let octets = try charge.batch(transaction, context).encoded()
      guard Digest.sha256(octets) == charge.batchDigest else { throw CryptoError.notAuthentic }
      return BERTLV.encode(tag: UInt32(DataTag.chargeBatch.rawValue), value: octets)
    }
    let answer = try await dialogue.store(Secret(copying: objects))
    if answer.status == .ok { return try await settle(charge, by: answer.data) }
    lastRefusal = dialogue.refused(answer.status)
    return try await settleRefused(charge, answer.status)
  }

  /// A refusal carries no MAC, so anybody on the line may have made it up: the card itself is asked, in a new session.
  private func settleRefused(_ charge: ChargeRow, _ refusal: StatusWord) async throws(CenterError) -> ChargeOutcome {
    try await certify()
    let status = try await dialogue.status(of: serial)
    if status.chargeCounter == charge.outcome.number {
      return try await settle(charge, by: try await storedReceipt())
    }
    // 65xx: the memory failed (ISO/IEC 7816-4, 5.6). What was written may yet show once the card starts anew.
    guard refusal.sw1 != 0x65 else {
      throw CenterError(
        .cardRefused, operation,
        remedy: "The card's memory failed, the charge stays open; run it again, or refund it if the card is broken.",
        statusWord: refusal, cardMayHaveChanged: true)
    }
    return try await void(charge, "refused by the card")
  }

  private func certify() async throws(CenterError) {
    dialogue = CardDialogue(relay, random: context.random, operation: operation)
    try await dialogue.select()
    try await dialogue.openIndividualChannel(to: serial, issuerRoot: issuerRoot, context.keys)
  }

  private func storedReceipt() async throws(CenterError) -> [UInt8] {
    guard let receipt = try await dialogue.object(.chargeReceipt) else { throw foreignReceipt() }
    return receipt
  }

  /// Books the charge if the receipt is the card's word for this very batch. If it is its word for another batch of the
  /// same number, this one never reached the card and never will: it is voided.
  private func settle(_ charge: ChargeRow, by receipt: [UInt8]) async throws(CenterError) -> ChargeOutcome {
    guard let receipt = try? ChargeReceipt(receipt.span.bytes), receipt.number == charge.outcome.number,
      isAuthentic(receipt)
    else { throw foreignReceipt() }
    guard receipt.digest == charge.batchDigest else {
      return try await void(charge, "the card has another batch of this number")
    }
    guard Int(receipt.count) == charge.outcome.actual else { throw foreignReceipt() }
    let context = context
    let outcome = try await context.database.write { try Charging.book($0, context, charge) }
    await Payments(context: context).settle(bill: outcome.bill)
    return outcome
  }

  private func void(_ charge: ChargeRow, _ reason: String) async throws(CenterError) -> ChargeOutcome {
    let context = context
    let outcome = try await context.database.write { transaction in
      var charge = charge
      try Charging.void(transaction, context, &charge, reason: reason)
      return charge.outcome
    }
    await Payments(context: context).settle(bill: outcome.bill)
    return outcome
  }

  private func isAuthentic(_ receipt: ChargeReceipt) -> Bool {
    let input = OctetBuffer(capacity: 128)
    let serialOctets = serial.octets
    do {
      try input.becomeReceiptInput(
        serial: serialOctets.span.bytes, number: receipt.number, digest: receipt.digest.span.bytes,
        count: receipt.count, total: receipt.total)
      let individualKey = try CardKeys.individualKey(of: serial, version: issuerRoot, context.keys)
      let key = try CardKeys.derive(individualKey, .chargeReceipt, serial)
      try CMAC.verify(key, input.withBytes { $0.octets }, tag: receipt.mac)
      return true
    } catch {
      return false
    }
  }

  private func foreignReceipt() -> CenterError {
    CenterError(
      .notCertified, operation, remedy: "The receipt is not the card's for this charge; the charge stays open.",
      cardMayHaveChanged: true)
  }
}
