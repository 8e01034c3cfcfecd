import CardProtocol
import ISO7816
import Octets

/// GET STATUS and SET STATUS of the card (GlobalPlatform 2.3.1, 11.4 and 11.10).
extension Card {
  func getStatus(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    guard header.p1 == 0x80, header.p2 & 0xFD == 0 else { throw .incorrectP1P2 }
    try requireAdministration()
    guard data.byteCount == 2, data[octet: 0] == 0x4F, data[octet: 1] == 0 else { throw .incorrectData }
    try writing { () throws(OctetError) in
      try output.appendTLV(tag: 0xE3) { (entry) throws(OctetError) in
        try entry.appendTLV(tag: 0x4F, CardAID.issuerDomain.span.bytes)
        try entry.appendTLV(tag: 0x9F70) { (value) throws(OctetError) in try value.append(lifeCycle.rawValue) }
      }
    }
  }

  /// Which state may follow which: forwards, CARD_LOCKED and back, TERMINATED from everywhere. SECURED is entered by the
  /// individual key alone. The card's serial must be given, so that no card is ended by mistake.
  func setStatus(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    guard header.p1 == 0x80, let next = LifeCycle(rawValue: header.p2) else { throw .incorrectP1P2 }
    try requireAdministration()
    guard data.byteCount == 8 else { throw .wrongLength }
    guard constantTimeEqual(production.serial.span.bytes, data) else { throw .incorrectData }
    let isAllowed: Bool =
      switch (lifeCycle, next) {
      case (.operatingReady, .initialized), (.secured, .cardLocked), (.cardLocked, .secured): true
      case (_, .terminated): true
      default: false
      }
    guard isAllowed else { throw .conditionsNotSatisfied }
    try atomically { () throws(StatusWord) in try put(CardLayout.lifeCycle, octet: next.rawValue) }
    lifeCycle = next
    // Whoever locks a card may not be the one who unlocks it.
    channels.closeAll()
  }
}
