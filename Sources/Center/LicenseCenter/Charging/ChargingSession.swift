import CardProtocol
import Cryptography
import Formats
import Identifiers
import ISO7816
import Octets
import SecureChannel

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
  ///   counts charges which this centre never sent.
  func checkedStatus() async throws(CenterError) -> CardStatus {
    let status = try await dialogue.status(of: serial)
    let serial = serial
    let (booked, wasVoided) = try await context.database.read { transaction in
      let booked = try CardRow.issued(transaction, serial).chargeNumber
      let wasVoided = try ChargeRow.wasVoided(transaction, card: serial, number: status.chargeCounter)
      return (booked, wasVoided)
    }
    guard status.chargeCounter == booked || (status.chargeCounter > booked && wasVoided) else {
      throw CenterError(
        .notCertified, operation,
        remedy: "The card counts \(status.chargeCounter) charges where \(booked) are booked; it may be an old copy.")
    }
    return status
  }

  /// Finds out what became of the card's open charge, and finishes it.
  func settleOpenCharge() async throws(CenterError) -> ChargeOutcome? {
    let serial = serial
    guard let charge = try await context.database.read({ try ChargeRow.open($0, card: serial) }) else { return nil }
    let status = try await dialogue.status(of: serial)
    switch status.chargeCounter {
    case charge.outcome.number: return try await book(charge, try await storedReceipt())
    case charge.outcome.number - 1: return try await settled(charge)
    default:
      throw CenterError(
        .notCertified, operation,
        remedy:
          "The card counts \(status.chargeCounter) charges, charge \(charge.outcome.number) is open: no copy fits.")
    }
  }

  /// Sends an open charge that the card does not have, and books it.
  ///
  /// - Throws: ``CenterError/Code/cardRefused`` when the card would not take it; then it is voided and nothing billed.
  func complete(_ charge: ChargeRow) async throws(CenterError) -> ChargeOutcome {
    let outcome = try await settled(charge)
    guard outcome.state == .booked else { throw lastRefusal }
    return outcome
  }

  /// Sends, then books or, if the card refused, voids.
  private func settled(_ charge: ChargeRow) async throws(CenterError) -> ChargeOutcome {
    let context = context
    let objects = try await context.database.read { transaction in
      let octets = try charge.batch(transaction, context).encoded()
      guard Digest.sha256(octets) == charge.batchDigest else { throw CryptoError.notAuthentic }
      return BERTLV.encode(tag: UInt32(DataTag.chargeBatch.rawValue), value: octets)
    }
    let answer = try await dialogue.store(objects)
    if answer.status == .ok { return try await book(charge, answer.data) }
    lastRefusal = dialogue.refused(answer.status)
    return try await settleRefused(charge)
  }

  /// A refusal carries no MAC, so anybody on the line may have made it up: the card itself is asked, in a new session.
  private func settleRefused(_ charge: ChargeRow) async throws(CenterError) -> ChargeOutcome {
    try await certify()
    let status = try await dialogue.status(of: serial)
    if status.chargeCounter == charge.outcome.number { return try await book(charge, try await storedReceipt()) }
    let context = context
    return try await context.database.write { transaction in
      var charge = charge
      try Charging.void(transaction, context, &charge, reason: "refused by the card")
      return charge.outcome
    }
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

  /// Books the charge if the receipt is the card's word for this very batch.
  private func book(_ charge: ChargeRow, _ receipt: [UInt8]) async throws(CenterError) -> ChargeOutcome {
    guard let receipt = try? ChargeReceipt(receipt.span.bytes), receipt.number == charge.outcome.number,
      receipt.digest == charge.batchDigest, Int(receipt.count) == charge.outcome.actual, isAuthentic(receipt)
    else { throw foreignReceipt() }
    let context = context
    return try await context.database.write { try Charging.book($0, context, charge) }
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
