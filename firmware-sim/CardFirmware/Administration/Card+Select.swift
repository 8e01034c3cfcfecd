import CardProtocol
import ISO7816
import Octets

/// SELECT (ISO/IEC 7816-4, 11.2.2).
extension Card {
  func select(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) -> StatusWord {
    switch (header.p1, header.p2) {
    case (0x04, 0x00): return try selectApplication(data)
    case (0x02, 0x0C): return try selectFile(data)
    default: throw .incorrectP1P2
    }
  }

  /// Selecting an application drops what was staged and forgets the file; the PIN stays verified until reset.
  private func selectApplication(_ aid: RawSpan) throws(StatusWord) -> StatusWord {
    guard aid.byteCount <= 16 else { throw .wrongLength }
    let isDomain = aid.byteCount == 0 || Card.matches(CardAID.issuerDomain, aid)
    guard isDomain || Card.matches(CardAID.application, aid), isDomain || !isApplicationLocked else {
      throw .fileNotFound
    }
    dropStaging()
    session.selectedFile = nil
    try writing { () throws(OctetError) in
      try output.appendTLV(tag: 0x6F) { (control) throws(OctetError) in
        let name = isDomain ? CardAID.issuerDomain : CardAID.application
        try control.appendTLV(tag: 0x84, name.span.bytes)
        try control.appendTLV(tag: 0xA5) { (proprietary) throws(OctetError) in
          try proprietary.append(UInt16(0x9F65))
          try proprietary.append(UInt8(2))
          try proprietary.append(longestCommandData)
        }
      }
    }
    return lifeCycle == .cardLocked ? .selectedFileInvalidated : .ok
  }

  /// The most data that one command can carry, beside a header and the length fields that such a length needs.
  private var longestCommandData: UInt16 { max(255, profile.commandOctets - 9) }

  private func selectFile(_ data: RawSpan) throws(StatusWord) -> StatusWord {
    guard lifeCycle == .secured else { throw .conditionsNotSatisfied }
    guard data.byteCount == 2 else { throw .wrongLength }
    let identifier = UInt16(data[octet: 0]) << 8 | UInt16(data[octet: 1])
    guard let slot = fileSlot(identifier) else { throw .fileNotFound }
    session.selectedFile = slot
    return .ok
  }

  private static func matches(_ name: InlineArray<8, UInt8>, _ aid: RawSpan) -> Bool {
    constantTimeEqual(name.span.bytes, aid)
  }
}

/// The card's application identifiers, as ``CardProtocol`` has them, without an allocation.
enum CardAID {
  static let application: InlineArray<8, UInt8> = [0xF0, 0x57, 0x41, 0x52, 0x49, 0x46, 0x55, 0x01]
  /// The load file that the firmware is, as the registry names it.
  static let loadFile: InlineArray<8, UInt8> = [0xF0, 0x57, 0x41, 0x52, 0x49, 0x46, 0x55, 0x00]
  static let issuerDomain: InlineArray<8, UInt8> = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00]
}
