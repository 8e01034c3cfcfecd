import CardProtocol
import ISO7816
import Octets

/// What the holder does on the reader's own keypad: this computer never has the PIN.
extension WarifuCard {
  private static let format = PINFormat(fieldOctets: UInt8(CardProtocol.pinOctets), shortest: 4, longest: 8)

  /// What can be done so, with this card in this reader.
  public var pinPadAbilities: PINPadAbilities { connection.pinPad?.pinPadAbilities ?? [] }

  /// Has the PIN entered on the reader, and verifies it. A wrong one is not asked for again.
  public func verifyAtPINPad() throws(CardError) {
    try enter(
      .verify(
        ins: Instruction.verify.rawValue, p1: 0, p2: ReferenceData.pin.rawValue, WarifuCard.format),
      operation: "verify the PIN")
  }

  /// Has the old PIN or PUK, and twice the new one, entered on the reader, and changes it.
  public func changeAtPINPad(_ reference: ReferenceData) throws(CardError) {
    try enter(
      .modify(
        ins: Instruction.changeReferenceData.rawValue, p1: 0, p2: reference.rawValue, WarifuCard.format),
      operation: reference == .pin ? "change the PIN" : "change the PUK")
  }

  /// Has the PUK, and twice a new PIN, entered on the reader, and sets the PIN.
  public func unblockAtPINPad() throws(CardError) {
    try enter(
      .modify(
        ins: Instruction.resetRetryCounter.rawValue, p1: 0, p2: ReferenceData.pin.rawValue, WarifuCard.format),
      operation: "unblock the PIN")
  }

  private func enter(_ entry: PINEntry, operation: String) throws(CardError) {
    guard let pad = connection.pinPad else {
      throw CardError(
        .refused(.functionNotSupported), operation: operation, cardMayHaveChanged: false,
        remedy: "The reader has no keypad; give the PIN otherwise.")
    }
    let answer: [UInt8]
    do { answer = try pad.enter(entry) } catch { throw CardError(error, operation: operation) }
    guard let response = try? ResponseAPDU(parsing: answer.span.bytes) else { throw .unexpectedAnswer(operation) }
    guard response.status == .ok else { throw CardError(response.status, operation: operation) }
  }
}
