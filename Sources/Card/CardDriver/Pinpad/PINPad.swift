import ISO7816

/// A way to a card with a keypad on it: the PIN goes from the user's finger to the card, and through no computer.
public protocol PINPad: AnyObject {
  /// What its reader can do with a keypad; empty when it has none.
  var pinPadAbilities: PINPadAbilities { get }

  /// Has the user enter PINs, and answers the card's response; shown text is the reader's own.
  ///
  /// - Throws: ``CardTransportError``: ``CardTransportError/Code/cancelled`` and
  ///   ``CardTransportError/Code/timeout`` when the user pressed the key for it, or none at all.
  func enter(_ entry: PINEntry) throws(CardTransportError) -> [UInt8]
}

/// What a keypad can do.
public struct PINPadAbilities: OptionSet, Sendable, Hashable {
  /// The bits.
  public let rawValue: UInt8

  /// Abilities of these bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Have a PIN entered (`FEATURE_VERIFY_PIN_DIRECT`).
  public static let verify = PINPadAbilities(rawValue: 1)
  /// Have an old and a new PIN entered (`FEATURE_MODIFY_PIN_DIRECT`).
  public static let modify = PINPadAbilities(rawValue: 2)
}

extension ReaderFeatures {
  /// What the reader can do with a keypad.
  var pinPadAbilities: PINPadAbilities {
    var abilities: PINPadAbilities = []
    if self[.verifyPINDirect] != nil { abilities.insert(.verify) }
    if self[.modifyPINDirect] != nil { abilities.insert(.modify) }
    return abilities
  }
}

extension ReaderTransport: PINPad {
  /// What the reader said of its keypad when it was connected to.
  public var pinPadAbilities: PINPadAbilities { description.features.pinPadAbilities }

  /// Has the reader ask for the PIN, and send it to the card.
  public func enter(_ entry: PINEntry) throws(CardTransportError) -> [UInt8] {
    let feature: ReaderFeatures.Feature = entry.kind == .verify ? .verifyPINDirect : .modifyPINDirect
    guard let code = description.features[feature] else {
      throw CardTransportError(
        .protocolViolation, operation: PINEntry.operation, cardMayHaveChanged: false,
        remedy: "The reader has no keypad for that; give the PIN otherwise.")
    }
    let answer = try control(code, entry.structure)
    if let error = CardTransportError(keypad: answer) { throw error }
    return answer
  }
}

extension PINEntry {
  fileprivate static let operation = "have the PIN entered on the reader"
}

extension CardTransportError {
  /// The status words that the reader itself answers instead of the card (PC/SC Part 10, 2.5.2); nothing was sent then.
  fileprivate init?(keypad answer: [UInt8]) {
    let (code, remedy): (Code, String)
    switch answer {
    case [0x64, 0x00]: (code, remedy) = (.timeout, "No key was pressed; try again.")
    case [0x64, 0x01]: (code, remedy) = (.cancelled, "It was cancelled on the reader.")
    case [0x64, 0x02]: (code, remedy) = (.cancelled, "The two new PINs differ; try again.")
    case [0x64, 0x03]: (code, remedy) = (.cancelled, "The PIN is too short or too long; try again.")
    default: return nil
    }
    self.init(code, operation: PINEntry.operation, cardMayHaveChanged: false, remedy: remedy)
  }
}
