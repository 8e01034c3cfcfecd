import CardProtocol
import ISO7816
import Octets

/// MANAGE SECURITY ENVIRONMENT (ISO/IEC 7816-4, 11.5.11), and the operations under the keys that it chooses
/// (ISO/IEC 7816-8, 5.2). Templates name keys by reference; individual, generation and derived keys have none.
extension Card {
  /// Padding-content indicator of a cryptogram: proprietary, RFC 3394.
  private static let keyWrap: UInt8 = 0x80

  /// P1 41, 81 or C1 sets for our side's computing, for checking and enciphering, or for both; F3 restores.
  func manageSecurityEnvironment(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    switch header.p1 {
    case 0x41, 0x81, 0xC1: try setTemplate(header.p2, EnvironmentUse(rawValue: header.p1 & 0xC0), data)
    case 0xF3: try restoreEnvironment(header.p2, data)
    case 0xF2, 0xF4: throw .functionNotSupported
    default: throw .incorrectP1P2
    }
  }

  private func setTemplate(_ tag: UInt8, _ use: EnvironmentUse, _ template: RawSpan) throws(StatusWord) {
    switch tag {
    case 0xA4:
      try Card.checkReferences(template, ours: use.contains(.ours) ? .authentication : nil, use)
      // Checking the other side alone asks nothing of our own answer.
      if use.contains(.ours) { channels.current.environment.isMutual = use.contains(.theirs) }
    case 0xB6: try Card.checkReferences(template, ours: use.contains(.ours) ? .signature : nil, use)
    case 0xB8:
      let key = try reading { () throws(OctetError) in try CodeKey(template) }
      guard key.codeIndex < profile.codeCapacity, has(CardLayout.code(key.codeIndex)) else {
        throw .referencedDataNotFound
      }
      if use.contains(.ours) { channels.current.environment.decipherment = key }
      if use.contains(.theirs) { channels.current.environment.encipherment = key }
    default: throw .incorrectP1P2
    }
  }

  /// The one stored environment is 01, what every channel begins with.
  private func restoreEnvironment(_ number: UInt8, _ data: RawSpan) throws(StatusWord) {
    guard data.byteCount == 0 else { throw .wrongLength }
    guard number == 1 else { throw .referencedDataNotFound }
    channels.current.environment = SecurityEnvironment()
  }

  /// A template for authentication or signatures: `84` the card's own key, `83` the one it checks with, each once at
  /// most and only where the template is for it. Another key than the one there is for this use is 6A88: the
  /// authentication key signs no digest, and the signature key no challenge.
  private static func checkReferences(
    _ template: RawSpan, ours: CommandAPDU.KeyPair?, _ use: EnvironmentUse
  ) throws(StatusWord) {
    var reader = TLVReader(template)
    var seen: EnvironmentUse = []
    while !reader.isAtEnd {
      let side: EnvironmentUse
      let value: UInt8
      do throws(OctetError) {
        let reference = try reader.next()
        guard reference.tag == 0x83 || reference.tag == 0x84, reference.value.byteCount == 1 else {
          throw OctetError.invalid
        }
        side = reference.tag == 0x84 ? .ours : .theirs
        value = reference.value[octet: 0]
      } catch {
        throw .incorrectData
      }
      guard use.contains(side), !seen.contains(side) else { throw .incorrectData }
      seen.insert(side)
      let known = side == .ours ? ours?.rawValue : KeyReference.centerVerification
      guard value == known else { throw .referencedDataNotFound }
    }
  }

  // MARK: Operations

  /// PSO: ENCIPHER: a key of 16, 24 or 32 octets comes back as padding indicator 80 ‖ wrapped key.
  func encipher(_ key: RawSpan) throws(StatusWord) {
    try requirePIN()
    guard let chosen = channels.current.environment.encipherment else { throw .conditionsNotSatisfied }
    try writing { () throws(OctetError) in try output.append(Card.keyWrap) }
    try use(chosen, .wrap, key)
  }

  /// PSO: DECIPHER: padding indicator 80 ‖ wrapped key comes back as the key.
  func decipher(_ cryptogram: RawSpan) throws(StatusWord) {
    try requirePIN()
    guard let chosen = channels.current.environment.decipherment else { throw .conditionsNotSatisfied }
    guard cryptogram.byteCount > 0, cryptogram[octet: 0] == Card.keyWrap else { throw .incorrectData }
    try use(chosen, .unwrap, cryptogram.extracting(1..<cryptogram.byteCount))
  }

  private func use(_ chosen: CodeKey, _ use: CommandAPDU.KeyUse, _ key: RawSpan) throws(StatusWord) {
    let messageID = chosen.messageID
    try useCodeKey(
      use, chosen.level, codeIndex: chosen.codeIndex,
      messageID: messageID.span.bytes.extracting(0..<chosen.messageIDOctets), key)
  }
}

/// What a template is for: bits 7 and 8 of P1 of MANAGE SECURITY ENVIRONMENT (ISO/IEC 7816-4, 11.5.11).
private struct EnvironmentUse: OptionSet {
  let rawValue: UInt8
  /// Computing a signature, deciphering, internal authentication.
  static let ours = EnvironmentUse(rawValue: 0x40)
  /// Verifying a signature, enciphering, external authentication.
  static let theirs = EnvironmentUse(rawValue: 0x80)
}
