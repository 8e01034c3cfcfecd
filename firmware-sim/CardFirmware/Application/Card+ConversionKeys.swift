import CardProtocol
import ISO7816
import Identifiers
import Octets
import SecureChannel

/// OPEN CONVERSION KEYS: the second way of copying (M12 to M15), on the user's side.
extension Card {
  /// P1 00 opens Ku, to run a copy; 01 opens Ku and Ka, to make one. The keys go to the host, which converts the title:
  /// bulk data never passes through a card.
  ///
  /// Both are wrapped under keys that HKDF (RFC 5869) makes from this card's conversion secret, so that a medium id, which
  /// anybody can read, opens nothing by itself; each under its own, so that neither can stand in the other's place.
  func openConversionKeys(_ header: CommandHeader, _ data: RawSpan) throws(StatusWord) {
    guard header.p1 <= 1, header.p2 == 0 else { throw .incorrectP1P2 }
    let request = try ConversionRequest(data, forCopying: header.p1 == 1)
    var key = Block32(repeating: 0)
    defer { Card.wipe(&key) }
    try deriveConversionKey(into: &key)
    try openConversionKey(request.wrappedMediumKey, key) { (info) throws(OctetError) in
      try info.append(UInt16(0x4B75))
      try info.append(request.mediumID)
    }
    guard header.p1 == 1 else { return }
    try openConversionKey(request.wrappedMasterKey, key) { (info) throws(OctetError) in
      try info.append(UInt16(0x4B61))
      try info.append(request.mediumID)
      try info.append(request.softwareID)
    }
  }

  /// HKDF's extraction, without salt, from the conversion secret: KBKDF(individual key, "conversion secret", serial).
  private func deriveConversionKey(into key: inout Block32) throws(StatusWord) {
    try load(CardLayout.individualKey, count: 32, into: EngineSlot.deeper)
    var secret = Block32(repeating: 0)
    defer {
      engine.erase(EngineSlot.deeper)
      scratch.wipe()
      Card.wipe(&secret)
    }
    try writing { () throws(OctetError) in
      try scratch.becomeDerivationInput(.conversionSecret, keyOctets: 32) { (context) throws(OctetError) in
        try context.appendField(.cardSerial, production.serial.span.bytes)
      }
    }
    try computing { () throws(CryptoError) in
      try scratch.withBytes { (suffix) throws(CryptoError) in
        var span = secret.mutableSpan
        var octets = span.mutableBytes
        try engine.derive(
          EngineSlot.deeper, prefix: suffix.extracting(0..<0), counterOctets: 4, suffix: suffix, into: &octets)
      }
    }
    let salt = Block32(repeating: 0)
    let message = secret
    try authenticate(message.span.bytes, under: salt, into: &key)
  }

  /// HKDF's expansion by `info` to one block, which unwraps the key at hand; the key is appended to the answer.
  private func openConversionKey(
    _ wrapped: RawSpan, _ key: Block32, info: (OctetBuffer) throws(OctetError) -> Void
  ) throws(StatusWord) {
    var wrapping = Block32(repeating: 0)
    defer {
      scratch.wipe()
      Card.wipe(&wrapping)
    }
    try writing { () throws(OctetError) in
      scratch.removeAll()
      try info(scratch)
      try scratch.append(UInt8(1))
    }
    try scratch.withBytes { (message) throws(StatusWord) in
      try authenticate(message, under: key, into: &wrapping)
    }
    let octets = wrapping
    try computing { () throws(CryptoError) in try engine.load(octets.span.bytes, into: EngineSlot.working) }
    let start = output.count
    try writing { () throws(OctetError) in try output.append(repeating: 0, count: wrapped.byteCount - 8) }
    try computing { () throws(CryptoError) in
      try output.withMutableBytes(from: start) { (result: inout MutableRawSpan) throws(CryptoError) in
        try engine.unwrap(EngineSlot.working, wrapped, into: &result)
      }
    }
  }

  /// HMAC-SHA-256 (RFC 2104) under a key of 32 octets.
  private func authenticate(_ message: RawSpan, under key: Block32, into tag: inout Block32) throws(StatusWord) {
    var inner = InlineArray<64, UInt8>(repeating: 0x36)
    var outer = InlineArray<64, UInt8>(repeating: 0x5C)
    for index in 0..<32 {
      inner[index] ^= key[index]
      outer[index] ^= key[index]
    }
    defer {
      for index in 0..<64 { (inner[index], outer[index]) = (0, 0) }
    }
    try computing { () throws(CryptoError) in
      var digest = Block32(repeating: 0)
      let (first, second) = (inner, outer)
      try engine.sha256(first.span.bytes, message, into: &digest)
      try engine.sha256(second.span.bytes, digest.span.bytes, into: &tag)
    }
  }

  private static func wipe(_ key: inout Block32) {
    for index in 0..<32 { key[index] = 0 }
  }
}

/// The data of OPEN CONVERSION KEYS: `80` software id (to copy), `81` medium id, `86` E(Ku), `87` E(Ka) (to copy).
private struct ConversionRequest: ~Escapable {
  let softwareID: RawSpan
  let mediumID: RawSpan
  let wrappedMediumKey: RawSpan
  let wrappedMasterKey: RawSpan

  @_lifetime(copy data)
  init(_ data: RawSpan, forCopying: Bool) throws(StatusWord) {
    do { self = try ConversionRequest(parsing: data, forCopying: forCopying) } catch { throw .incorrectData }
  }

  @_lifetime(copy data)
  private init(parsing data: RawSpan, forCopying: Bool) throws(OctetError) {
    var reader = TLVReader(data)
    softwareID =
      forCopying
      ? try ConversionRequest.value(&reader, 0x80, SoftwareID.octetCount...SoftwareID.octetCount)
      : data.extracting(0..<0)
    mediumID = try ConversionRequest.value(&reader, 0x81, 1...MediumID.maximumOctetCount)
    wrappedMediumKey = try ConversionRequest.value(&reader, 0x86, 40...40)
    wrappedMasterKey = forCopying ? try ConversionRequest.value(&reader, 0x87, 40...40) : data.extracting(0..<0)
    guard reader.isAtEnd else { throw .trailing }
  }

  @_lifetime(copy reader)
  private static func value(
    _ reader: inout TLVReader, _ tag: UInt32, _ lengths: ClosedRange<Int>
  ) throws(OctetError) -> RawSpan {
    let element = try reader.next()
    guard element.tag == tag, lengths.contains(element.value.byteCount) else { throw .invalid }
    return element.value
  }
}
