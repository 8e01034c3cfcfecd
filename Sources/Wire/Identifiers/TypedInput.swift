import Octets

/// What a field of a MAC or key-derivation input means. The numbers are part of every frozen vector: never reuse one.
public enum FieldType: UInt8, Sendable {
  /// Version of the root key that something was derived from, 4 octets.
  case rootVersion = 0x01
  /// A card's serial, 8 octets.
  case cardSerial = 0x02
  /// A software id, 16 octets.
  case softwareID = 0x03
  /// A medium id, 1 to 64 octets.
  case mediumID = 0x04
  /// The terms of a licence or code, as encoded.
  case terms = 0x05
  /// A retrieval code, 10 octets.
  case retrievalCode = 0x06
  /// The ID that a message key is made for (P12, P13), 0 to 32 octets.
  case messageID = 0x07
  /// Number of a charge, 4 octets.
  case chargeNumber = 0x08
  /// A SHA-256 digest, 32 octets.
  case digest = 0x09
  /// Number of codes in a charge, 2 octets.
  case count = 0x0A
  /// Number of codes ever charged, 4 octets.
  case total = 0x0B
  /// Number of a licence, 8 octets.
  case licenseNumber = 0x0C
  /// Number of a generation key, 1 octet.
  case keyNumber = 0x0D
  /// The canonical input of a certificate code, as encoded.
  case certificateInput = 0x0E
  /// A licence centre's id (IDc), as encoded.
  case centerID = 0x0F
  /// What a signed structure is for, a text.
  case label = 0x10
  /// A challenge, 8 to 64 octets.
  case challenge = 0x11
  /// Seconds since 1970 UTC, 8 octets.
  case time = 0x12
  /// Serial of the other card of two that share a key, 8 octets.
  case peerSerial = 0x13
  /// Number of a key that two cards share, 4 octets.
  case sharedKeyNumber = 0x14
}

extension OctetBuffer {
  /// Appends a field as type (1 octet) ‖ length (2, big-endian) ‖ value, so that no two lists of fields encode alike.
  public func appendField(_ type: FieldType, _ value: RawSpan) throws(OctetError) {
    guard value.byteCount <= 0xFFFF else { throw .full }
    try append(type.rawValue)
    try append(UInt16(value.byteCount))
    try append(value)
  }

  /// Appends a 32-bit number as a field.
  public func appendField(_ type: FieldType, _ value: UInt32) throws(OctetError) {
    try append(type.rawValue)
    try append(UInt16(4))
    try append(value)
  }

  /// Appends a 64-bit number as a field.
  public func appendField(_ type: FieldType, _ value: UInt64) throws(OctetError) {
    try append(type.rawValue)
    try append(UInt16(8))
    try append(value)
  }
}

/// The purpose of a derived key. One label per purpose; the texts are part of every frozen vector.
public enum KeyLabel: Sendable, CaseIterable {
  /// Issuer master key → individual key of a card.
  case individualKey
  /// Individual key → static SCP03 keys of key set 1.
  case channelEncryption, channelMAC, channelDataEncryption
  /// Individual key → KU, the user key of copy licences (M5).
  case copyLicenseUserKey
  /// Individual key → key of charge receipts.
  case chargeReceipt
  /// Individual key → key that wraps conversion keys (M12).
  case conversionSecret
  /// Individual key → key that wraps a key for two purchasers, K3 (P18).
  case sharedKey
  /// Generation key → right key (P22); right key → message key (P12).
  case right, message
  /// Right, message or shared key → the key that wraps keys for people (P24), so that neither serves two purposes.
  case wrapping
  /// Certification root → KEYc of one licence (M5).
  case certificationKey
  /// KEYc → key that wraps the content key Kd.
  case content
  /// Conversion root KM → Ku, the key of what is copied onto one medium (M12).
  case targetMedium
  /// Conversion root KM → Ka, the key of one title on master media (M12).
  case masterMedium

  /// The label's text.
  public var text: StaticString {
    switch self {
    case .individualKey: "individual key"
    case .channelEncryption: "SCP03 ENC"
    case .channelMAC: "SCP03 MAC"
    case .channelDataEncryption: "SCP03 DEK"
    case .copyLicenseUserKey: "copy-licence user key"
    case .chargeReceipt: "charge receipt"
    case .conversionSecret: "conversion secret"
    case .sharedKey: "shared key"
    case .right: "right"
    case .message: "message"
    case .wrapping: "wrapping"
    case .certificationKey: "certification key"
    case .content: "content"
    case .targetMedium: "target medium"
    case .masterMedium: "master medium"
    }
  }
}

extension OctetBuffer {
  /// Makes this buffer the fixed input of SP 800-108r1's KBKDF, all that follows the 32-bit counter:
  /// label ‖ 00 ‖ context ‖ [L]₃₂, with the context written by `context` as typed fields.
  public func becomeDerivationInput(
    _ label: KeyLabel, keyOctets: Int, context: (OctetBuffer) throws(OctetError) -> Void
  ) throws(OctetError) {
    removeAll()
    let text = label.text
    for index in 0..<text.utf8CodeUnitCount { try append(text.utf8Start[index]) }
    try append(UInt8(0))
    try context(self)
    try append(UInt32(truncatingIfNeeded: keyOctets * 8))
  }

  /// Appends the context of the key that wraps K3 for one of two cards: whose wrap it is, with whom it is shared, and its
  /// number (P18).
  public func appendSharedKeyContext(holder: RawSpan, peer: RawSpan, number: UInt32) throws(OctetError) {
    try appendField(.cardSerial, holder)
    try appendField(.peerSerial, peer)
    try appendField(.sharedKeyNumber, number)
  }

  /// Makes this buffer the input of a certificate code CS: software id ‖ medium id ‖ terms, typed (M5).
  public func becomeCertificateInput(
    softwareID: RawSpan, mediumID: RawSpan, terms: RawSpan
  ) throws(OctetError) {
    removeAll()
    try appendField(.softwareID, softwareID)
    try appendField(.mediumID, mediumID)
    try appendField(.terms, terms)
  }
}
