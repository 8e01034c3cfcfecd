import CardProtocol
import ISO7816
import Identifiers
import Octets
import SecureChannel

/// Keys that the card derives inside itself; none of them ever leaves the engine.
extension Card {
  /// KBKDF-CMAC (SP 800-108r1) from one engine slot into another, 32 octets, with the context as typed fields.
  func derive(
    _ label: KeyLabel, from root: KeySlot, into target: KeySlot,
    context: (OctetBuffer) throws(OctetError) -> Void
  ) throws(StatusWord) {
    defer { scratch.wipe() }
    try writing { () throws(OctetError) in
      try scratch.becomeDerivationInput(label, keyOctets: 32, context: context)
    }
    try computing { () throws(CryptoError) in
      try scratch.withBytes { (suffix) throws(CryptoError) in
        let empty = InlineArray<1, UInt8>(repeating: 0)
        try engine.derive(
          root, prefix: empty.span.bytes.extracting(0..<0), counterOctets: 4, suffix: suffix, length: 32, into: target)
      }
    }
  }

  /// Derives a key of this card from its individual key.
  ///
  /// - Throws: 6985 while the card has none.
  func deriveFromIndividualKey(_ label: KeyLabel, into target: KeySlot) throws(StatusWord) {
    try deriveFromIndividualKey(label, into: target) { (context) throws(OctetError) in
      try context.appendField(.cardSerial, production.serial.span.bytes)
    }
  }

  /// The same with a context of its own, which names the card's serial.
  func deriveFromIndividualKey(
    _ label: KeyLabel, into target: KeySlot, context: (OctetBuffer) throws(OctetError) -> Void
  ) throws(StatusWord) {
    guard has(CardLayout.individualKey) else { throw .conditionsNotSatisfied }
    try load(CardLayout.individualKey, count: 32, into: EngineSlot.deeper)
    defer { engine.erase(EngineSlot.deeper) }
    try derive(label, from: EngineSlot.deeper, into: target, context: context)
  }

  /// Puts KU and the receipt key into their slots, once per reset: every certified copy needs KU.
  func prepareDerivedKeys() throws(StatusWord) {
    guard !hasDerivedKeys else { return }
    try deriveFromIndividualKey(.copyLicenseUserKey, into: EngineSlot.userKey)
    try deriveFromIndividualKey(.chargeReceipt, into: EngineSlot.receiptKey)
    hasDerivedKeys = true
  }

  /// Takes KU and the receipt key out of their slots.
  func forgetDerivedKeys() {
    engine.erase(EngineSlot.userKey)
    engine.erase(EngineSlot.receiptKey)
    hasDerivedKeys = false
  }
}
