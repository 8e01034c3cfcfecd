import CardProtocol
import ISO7816
import Identifiers
import Octets
import SecureChannel

/// USE KEY: wraps and unwraps keys for people under the cipher keys that the card can make (P5, P12, P13, P18, P22, P24).
///
/// The key is made in the card for this one command, and none of what it is made from comes out.
extension Card {
  func useKey(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    guard let use = CommandAPDU.KeyUse(rawValue: header.p1) else { throw .incorrectP1P2 }
    if header.p2 == CommandAPDU.sharedKeyLevel { return try useSharedKey(use, data) }
    guard let level = CommandAPDU.KeyLevel(rawValue: header.p2) else { throw .incorrectP1P2 }
    try requirePIN()
    let request = try CodeKeyRequest(data)
    if let index = request.codeIndex ?? findCode(request.toldCode) {
      try useCodeKey(use, level, codeIndex: index, messageID: request.messageID, request.key)
    } else {
      let (number, code) = (request.toldCode[octet: 0], request.toldCode.extracting(1...))
      guard try !wasDeleted(code, under: number) else { throw .conditionsNotSatisfied }
      try deriveCodeKey(number, code, level, request.messageID)
      try transform(use, request.key)
    }
  }

  /// Under a code on this card, by its state, date and uses: the one way to its keys. Without an ID in the command, the one
  /// that was charged beside the code makes the message key (P22).
  func useCodeKey(
    _ use: CommandAPDU.KeyUse, _ level: CommandAPDU.KeyLevel, codeIndex: UInt16, messageID: RawSpan, _ key: RawSpan
  ) throws(StatusWord) {
    defer { record.wipe() }
    let code = try fetchCode(codeIndex)
    guard code.isLive else { throw .conditionsNotSatisfied }
    try checkDate(code, codeIndex)
    try record.withBytes { (octets) throws(StatusWord) in
      try deriveCodeKey(
        code.generationKey, octets.storedCode, level, messageID.byteCount == 0 ? octets.storedMessageID : messageID)
    }
    try transform(use, key)
    try countUse(code, codeIndex)
  }

  /// The place of a code that the holder names by its value, if it was charged onto this card: then the holder gets no
  /// more out of it than the card allows. Else it is another purchaser's, who shares the generation key (P12, P22).
  private func findCode(_ told: RawSpan) -> UInt16? {
    for index in 0..<profile.codeCapacity {
      let isSame = store.withValue(CardLayout.code(index)) { (octets) -> Bool in
        octets.byteCount >= StoredCode.headOctets && constantTimeEqual(octets.storedCode, told.extracting(1...))
          && octets[octet: StoredCode.codeOffset + CardProtocol.codeOctets] == told[octet: 0]
      }
      if isSame == true { return index }
    }
    return nil
  }

  /// Generation key → right key → message key → the key that wraps, in engine slots; it ends in ``EngineSlot/derived``.
  private func deriveCodeKey(
    _ generationKey: UInt8, _ code: RawSpan, _ level: CommandAPDU.KeyLevel, _ messageID: RawSpan
  ) throws(StatusWord) {
    try load(CardLayout.generationKey(generationKey), count: 32, into: EngineSlot.working)
    try derive(.right, from: EngineSlot.working, into: EngineSlot.derived) { (context) throws(OctetError) in
      try context.appendField(.retrievalCode, code)
    }
    if level == .message {
      try derive(.message, from: EngineSlot.derived, into: EngineSlot.derived) { (context) throws(OctetError) in
        try context.appendField(.messageID, messageID)
      }
    }
    try derive(.wrapping, from: EngineSlot.derived, into: EngineSlot.derived) { _ in }
  }

  /// Under K3, which the seller made for two cards: only the card that a wrap is for opens it, and only as the key of this
  /// number with this other card (P18).
  private func useSharedKey(_ use: CommandAPDU.KeyUse, _ data: RawSpan) throws(StatusWord) {
    try requirePIN()
    let request = try SharedKeyRequest(data)
    guard !constantTimeEqual(production.serial.span.bytes, request.peer) else { throw .incorrectData }
    try deriveFromIndividualKey(.sharedKey, into: EngineSlot.derived) { (context) throws(OctetError) in
      try context.appendSharedKeyContext(
        holder: production.serial.span.bytes, peer: request.peer, number: request.number)
    }
    try computing { () throws(CryptoError) in
      try engine.unwrap(EngineSlot.derived, request.wrappedKey, into: EngineSlot.working)
    }
    try derive(.wrapping, from: EngineSlot.working, into: EngineSlot.derived) { _ in }
    try transform(use, request.key)
  }

  private func transform(_ use: CommandAPDU.KeyUse, _ key: RawSpan) throws(StatusWord) {
    let allowed = use == .wrap ? [16, 24, 32] as InlineArray<3, Int> : [24, 32, 40] as InlineArray<3, Int>
    guard key.byteCount == allowed[0] || key.byteCount == allowed[1] || key.byteCount == allowed[2] else {
      throw .incorrectData
    }
    let length = use == .wrap ? key.byteCount + 8 : key.byteCount - 8
    let start = output.count
    try writing { () throws(OctetError) in try output.append(repeating: 0, count: length) }
    try computing { () throws(CryptoError) in
      try output.withMutableBytes(from: start) { (result: inout MutableRawSpan) throws(CryptoError) in
        switch use {
        case .wrap: try engine.wrap(EngineSlot.derived, key, into: &result)
        case .unwrap: try engine.unwrap(EngineSlot.derived, key, into: &result)
        }
      }
    }
  }
}

/// The data of USE KEY for a right or message key: `80` index of a code or `81` a code told, `83` ID, `84` key.
private struct CodeKeyRequest: ~Escapable {
  /// The code by its place on the card.
  let codeIndex: UInt16?
  /// Number of the generation key (1) ‖ code (10); empty when there is an index.
  let toldCode: RawSpan
  let messageID: RawSpan
  let key: RawSpan

  @_lifetime(copy data)
  init(_ data: RawSpan) throws(StatusWord) {
    do { self = try CodeKeyRequest(parsing: data) } catch { throw .incorrectData }
  }

  @_lifetime(copy data)
  private init(parsing data: RawSpan) throws(OctetError) {
    var reader = TLVReader(data)
    let code = try reader.next()
    switch (code.tag, code.value.byteCount) {
    case (0x80, 2):
      codeIndex = UInt16(code.value[octet: 0]) << 8 | UInt16(code.value[octet: 1])
      toldCode = code.value.extracting(0..<0)
    case (0x81, 1 + CardProtocol.codeOctets):
      guard (1...CardProtocol.generationKeyCount).contains(code.value[octet: 0]) else { throw .invalid }
      codeIndex = nil
      toldCode = code.value
    default: throw .invalid
    }
    let identifier = try reader.next()
    guard identifier.tag == 0x83, identifier.value.byteCount <= CardProtocol.messageIDOctets else { throw .invalid }
    messageID = identifier.value
    let material = try reader.next()
    guard material.tag == 0x84, reader.isAtEnd else { throw .invalid }
    key = material.value
  }
}

/// The data of USE KEY for a shared key: `82` serial of the other card ‖ number of the key, `85` K3 wrapped, `84` key.
private struct SharedKeyRequest: ~Escapable {
  let peer: RawSpan
  let number: UInt32
  let wrappedKey: RawSpan
  let key: RawSpan

  @_lifetime(copy data)
  init(_ data: RawSpan) throws(StatusWord) {
    do { self = try SharedKeyRequest(parsing: data) } catch { throw .incorrectData }
  }

  @_lifetime(copy data)
  private init(parsing data: RawSpan) throws(OctetError) {
    var reader = TLVReader(data)
    let name = try reader.next()
    guard name.tag == 0x82 else { throw .invalid }
    var fields = OctetReader(name.value)
    peer = try fields.take(CardSerial.octetCount)
    number = try fields.u32()
    try fields.expectEnd()
    let wrapped = try reader.next()
    guard wrapped.tag == 0x85, wrapped.value.byteCount == 40 else { throw .invalid }
    wrappedKey = wrapped.value
    let material = try reader.next()
    guard material.tag == 0x84, reader.isAtEnd else { throw .invalid }
    key = material.value
  }
}
