import CardProtocol
import Cryptography
import Formats
import Identifiers
import ISO7816
import Octets
import SecureChannel

/// A charge as it was opened a moment ago.
struct OpenedCharge {
  var row: ChargeRow
  /// The batch as it goes to the card.
  var batch: [UInt8]
  /// Whether a means of payment is on file for it.
  var isPaid: Bool
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
    context: CenterContext, serial: CardSerial, issuerRoot: UInt32, relay: any CardRelay, operation: String
  ) async throws(CenterError) {
    self.context = context
    self.serial = serial
    self.relay = relay
    self.operation = operation
    lastRefusal = CenterError(.cardRefused, operation, remedy: "Nothing was charged and nothing billed.")
    self.issuerRoot = issuerRoot
    dialogue = CardDialogue(relay, random: context.random, operation: operation)
    try await certify()
  }

  /// What the card says of itself.
  func status() async throws(CenterError) -> CardStatus { try await dialogue.status(of: serial) }

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

  /// Sends a charge that was just opened, and books it.
  ///
  /// - Throws: ``CenterError/Code/cardRefused`` when the card would not take it; then it is voided and nothing billed.
  func complete(_ charge: OpenedCharge) async throws(CenterError) -> ChargeOutcome {
    if charge.isPaid, try await voidedUnlessAuthorised(charge.row) != nil { throw lastRefusal }
    let outcome = try await settled(charge.row, charge.batch)
    guard outcome.state == .booked else { throw lastRefusal }
    return outcome
  }

  /// Has the price set aside where a means of payment is on file, sends, then books or, if either was refused, voids.
  private func settled(_ charge: ChargeRow) async throws(CenterError) -> ChargeOutcome {
    if let voided = try await voidedUnlessAuthorised(charge) { return voided }
    let context = context
    let batch = try await context.database.read { try charge.batch($0, context).encoded() }
    return try await settled(charge, batch)
  }

  /// Has the price set aside; the voided charge if it will never be.
  private func voidedUnlessAuthorised(_ charge: ChargeRow) async throws(CenterError) -> ChargeOutcome? {
    do {
      try await Payments(context: context).authorise(bill: charge.outcome.bill)
      return nil
    } catch {
      guard error.code == .paymentDeclined else { throw error }
      lastRefusal = error
      return try await void(charge, "payment declined")
    }
  }

  /// Sends the batch, then books the charge or, if the card refused it, voids it.
  private func settled(_ charge: ChargeRow, _ batch: [UInt8]) async throws(CenterError) -> ChargeOutcome {
    guard Digest.sha256(batch) == charge.batchDigest else {
      throw CenterError(.damaged, operation, remedy: "The codes are not those that were reserved; restore a backup.")
    }
    let object = BERTLV.encode(tag: UInt32(DataTag.chargeBatch.rawValue), value: batch)
    let answer = try await dialogue.store(Secret(copying: object))
    if answer.status == .ok { return try await settle(charge, by: answer.data) }
    lastRefusal = dialogue.refused(answer.status)
    return try await settleRefused(charge, answer.status)
  }

  /// A refusal carries no MAC, so anybody on the line may have made it up: the card itself is asked, in a new session.
  private func settleRefused(_ charge: ChargeRow, _ refusal: StatusWord) async throws(CenterError) -> ChargeOutcome {
    dialogue = CardDialogue(relay, random: context.random, operation: operation)
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
      let key = try CardKeys.derive(
        CardKeys.individualKey(of: serial, version: issuerRoot, context.keys), .chargeReceipt, serial)
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
