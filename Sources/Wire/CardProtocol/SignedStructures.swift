import Identifiers
import Octets

/// Structures that are signed around the card. Each begins with a label, so that no signature serves another purpose.
public enum SignedStructure: Sendable {
  /// What the card's authentication key signs on INTERNAL AUTHENTICATE.
  case internalAuthenticate
  /// What the centre signs on EXTERNAL AUTHENTICATE.
  case externalAuthenticate
  /// What the centre signs so that a card believes a time.
  case time

  /// The label's text.
  public var label: StaticString {
    switch self {
    case .internalAuthenticate: "warifu card authentication 1"
    case .externalAuthenticate: "warifu centre authentication 1"
    case .time: "warifu time 1"
    }
  }
}

extension OctetBuffer {
  /// Makes this buffer the structure that a card signs on INTERNAL AUTHENTICATE.
  public func becomeAuthenticationInput(serial: RawSpan, challenge: RawSpan) throws(OctetError) {
    removeAll()
    try appendLabel(.internalAuthenticate)
    try appendField(.cardSerial, serial)
    try appendField(.challenge, challenge)
  }

  /// Makes this buffer the structure by which the centre proves itself to a card on EXTERNAL AUTHENTICATE.
  public func becomeCenterAuthenticationInput(serial: RawSpan, challenge: RawSpan) throws(OctetError) {
    removeAll()
    try appendLabel(.externalAuthenticate)
    try appendField(.cardSerial, serial)
    try appendField(.challenge, challenge)
  }

  /// Makes this buffer the structure by which the centre tells a card the time.
  public func becomeTimeInput(serial: RawSpan, challenge: RawSpan, time: UInt64) throws(OctetError) {
    removeAll()
    try appendLabel(.time)
    try appendField(.cardSerial, serial)
    try appendField(.challenge, challenge)
    try appendField(.time, time)
  }

  private func appendLabel(_ structure: SignedStructure) throws(OctetError) {
    let text = structure.label
    try append(FieldType.label.rawValue)
    try append(UInt16(truncatingIfNeeded: text.utf8CodeUnitCount))
    for index in 0..<text.utf8CodeUnitCount { try append(text.utf8Start[index]) }
  }
}
