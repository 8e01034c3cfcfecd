import CardProtocol
import ISO7816
import Octets

/// PIN and PUK (ISO/IEC 7816-4, 11.5.6 to 11.5.10). Tries are counted down in the store before the comparison.
extension Card {
  /// Tries left; 0 also when none was ever set.
  func triesLeft(_ reference: ReferenceData) -> UInt8 { octet(CardLayout.referenceTries(reference)) ?? 0 }

  func verify(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    guard header.p1 == 0 else { throw .incorrectP1P2 }
    let reference = try reference(header)
    guard reference == .pin else { throw .incorrectP1P2 }
    if data.byteCount == 0 {
      guard has(CardLayout.referenceValue(reference)) else { throw .referencedDataNotFound }
      guard !channels.current.isPINVerified else { return }
      throw triesLeft(reference) == 0 ? .authenticationMethodBlocked : .retriesLeft(triesLeft(reference))
    }
    channels.current.isPINVerified = false
    try compare(reference, data)
    channels.current.isPINVerified = true
  }

  /// Old ‖ new. The old value is checked even when it was verified before.
  func changeReferenceData(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    guard header.p1 == 0 else { throw .incorrectP1P2 }
    let reference = try reference(header)
    guard data.byteCount == 2 * CardProtocol.pinOctets else { throw .wrongLength }
    let new = data.extracting(CardProtocol.pinOctets..<(2 * CardProtocol.pinOctets))
    try Card.checkForm(new)
    if reference == .pin { channels.current.isPINVerified = false }
    try compare(reference, data.extracting(0..<CardProtocol.pinOctets))
    try atomically { () throws(StatusWord) in try put(CardLayout.referenceValue(reference), new) }
    if reference == .pin { channels.forgetPIN() }
  }

  /// PUK ‖ new PIN: the PIN is new and has all its tries again, in one write.
  func resetRetryCounter(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    guard header.p1 == 0, header.p2 == ReferenceData.pin.rawValue else { throw .incorrectP1P2 }
    guard data.byteCount == 2 * CardProtocol.pinOctets else { throw .wrongLength }
    let new = data.extracting(CardProtocol.pinOctets..<(2 * CardProtocol.pinOctets))
    try Card.checkForm(new)
    try compare(.puk, data.extracting(0..<CardProtocol.pinOctets))
    channels.forgetPIN()
    try atomically { () throws(StatusWord) in
      try put(CardLayout.referenceValue(.pin), new)
      try put(CardLayout.referenceTries(.pin), octet: profile.pinTries)
    }
  }

  /// 4 to 8 characters, then FF to the end.
  static func checkForm(_ value: RawSpan) throws(StatusWord) {
    guard value.byteCount == CardProtocol.pinOctets else { throw .wrongLength }
    var length = 0
    while length < value.byteCount, value[octet: length] != 0xFF { length += 1 }
    guard length >= 4 else { throw .incorrectData }
    for index in length..<value.byteCount where value[octet: index] != 0xFF { throw .incorrectData }
  }

  /// Counts a try down, durably, and only then compares; a match gives all tries back.
  private func compare(_ reference: ReferenceData, _ value: RawSpan) throws(StatusWord) {
    guard value.byteCount == CardProtocol.pinOctets else { throw .wrongLength }
    guard has(CardLayout.referenceValue(reference)) else { throw .referencedDataNotFound }
    let left = triesLeft(reference)
    guard left > 0 else { throw .authenticationMethodBlocked }
    try atomically { () throws(StatusWord) in try put(CardLayout.referenceTries(reference), octet: left - 1) }
    let isRight = store.withValue(CardLayout.referenceValue(reference)) { constantTimeEqual($0, value) }
    guard isRight == true else {
      // A PIN that is blocked is verified nowhere, whichever channel the last try came on.
      if left == 1, reference == .pin { channels.forgetPIN() }
      throw left == 1 ? .authenticationMethodBlocked : .retriesLeft(left - 1)
    }
    let tries = reference == .pin ? profile.pinTries : profile.pukTries
    try atomically { () throws(StatusWord) in try put(CardLayout.referenceTries(reference), octet: tries) }
  }

  private func reference(_ header: CommandHeader) throws(StatusWord) -> ReferenceData {
    guard let reference = ReferenceData(rawValue: header.p2) else { throw .incorrectP1P2 }
    return reference
  }
}
