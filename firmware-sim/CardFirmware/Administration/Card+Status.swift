import CardProtocol
import ISO7816
import Octets

/// SET STATUS: the life cycles of the card and of its application (GlobalPlatform 2.3.1, 5.1, 5.3 and 11.10).
extension Card {
  func setStatus(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    switch header.p1 {
    case 0x80: try setCardStatus(header.p2, data)
    case 0x40: try setApplicationStatus(header.p2, data)
    default: throw .incorrectP1P2
    }
  }

  /// Which state may follow which: forwards, CARD_LOCKED and back, TERMINATED from everywhere. SECURED is entered by the
  /// individual key alone. The card's serial must be given, so that no card is ended by mistake.
  private func setCardStatus(_ state: UInt8, _ data: RawSpan) throws(StatusWord) {
    guard let next = LifeCycle(rawValue: state) else { throw .incorrectP1P2 }
    try requireIssuer()
    guard data.byteCount == 8 else { throw .wrongLength }
    guard constantTimeEqual(production.serial.span.bytes, data) else { throw .incorrectData }
    let isAllowed: Bool =
      switch (lifeCycle, next) {
      case (.operatingReady, .initialized), (.secured, .cardLocked), (.cardLocked, .secured): true
      case (_, .terminated): true
      default: false
      }
    guard isAllowed else { throw .conditionsNotSatisfied }
    try atomically { () throws(StatusWord) in
      try put(CardLayout.lifeCycle, octet: next.rawValue)
      if next == .terminated { try removeSecrets() }
    }
    lifeCycle = next
    // Whoever locks a card may not be the one who unlocks it.
    channels.closeAll()
    if next == .terminated {
      forgetDerivedKeys()
      scrubSecrets()
    }
  }

  /// A terminated card has no key and no PIN left. Its codes go right after: they may be more than one batch takes.
  private func removeSecrets() throws(StatusWord) {
    try put(CardLayout.unscrubbed, octet: 1)
    for index in CardLayout.secrets.indices {
      try store.forEachKey(in: CardLayout.secrets[index]) { (key) throws(StatusWord) in try remove(key) }
    }
  }

  /// Erases the secrets from the flash, where a log keeps what was removed until it needs the room. A power cut before the
  /// end leaves a mark behind, by which the next power-on does it again.
  func scrubSecrets() {
    guard has(CardLayout.unscrubbed) else { return }
    removeCodes()
    do throws(StoreError) { try store.scrub() } catch { return }
    try? atomically { () throws(StatusWord) in try remove(CardLayout.unscrubbed) }
  }

  /// A code is worth something wherever its generation key is, so an ended card keeps none.
  private func removeCodes() {
    let batch: UInt16 = 16
    for start in stride(from: 0, to: profile.codeCapacity, by: Int(batch)) {
      try? atomically { () throws(StatusWord) in
        for index in start..<min(start + batch, profile.codeCapacity) where has(CardLayout.code(index)) {
          try remove(CardLayout.code(index))
        }
      }
    }
    codeCount = 0
  }

  // MARK: The application

  /// SELECTABLE, or LOCKED with the bits of the state that it goes back to.
  var applicationState: UInt8 { octet(CardLayout.applicationState) ?? ApplicationState.selectable }

  /// Whether the application is locked: it cannot be selected, and none of its commands works.
  var isApplicationLocked: Bool { applicationState & ApplicationState.locked != 0 }

  /// Bit 8 of P2 locks, its absence unlocks; the other bits say nothing (11.10.2.2).
  private func setApplicationStatus(_ state: UInt8, _ data: RawSpan) throws(StatusWord) {
    try requireIssuer()
    guard lifeCycle == .secured else { throw .conditionsNotSatisfied }
    guard (5...16).contains(data.byteCount) else { throw .wrongLength }
    let name = CardAID.application
    guard constantTimeEqual(name.span.bytes, data) else { throw .referencedDataNotFound }
    let locks = state & ApplicationState.locked != 0
    guard locks != isApplicationLocked else { throw .conditionsNotSatisfied }
    let next = applicationState ^ ApplicationState.locked
    try atomically { () throws(StatusWord) in try put(CardLayout.applicationState, octet: next) }
    channels.closeAll()
  }
}

/// Life-cycle states of an application (GlobalPlatform 2.3.1, table 11-4).
private enum ApplicationState {
  static let selectable: UInt8 = 0x07
  static let locked: UInt8 = 0x80
}
