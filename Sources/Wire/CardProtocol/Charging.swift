import Identifiers
import Octets

/// One code as it travels to a card inside a charge batch.
///
/// Encoding: code (10) ‖ generation key number (1) ‖ flags (1) ‖ expiry (8) ‖ uses (2) ‖ software id (16) ‖
/// length of ID (1) ‖ ID. All integers big-endian.
public struct ChargeRecord: Hashable, Sendable {
  /// Flag: the card wants fresh time in this session before the code's keys are used.
  public static let needsFreshTime: UInt8 = 0x01

  /// The code, 10 octets.
  public var code: [UInt8]
  /// Number of the generation key, 1...16.
  public var generationKey: UInt8
  /// Or-ed flags.
  public var flags: UInt8
  /// Seconds since 1970 UTC after which the code is dead; 0 for never.
  public var expiry: UInt64
  /// How often its message key may be used; 0 for without limit.
  public var uses: UInt16
  /// The title that the code buys, 16 octets.
  public var softwareID: SoftwareID
  /// The ID set beside the code, 0 to 32 octets (P22).
  public var messageID: [UInt8]

  /// A record; see the properties for the shapes.
  public init(
    code: [UInt8], generationKey: UInt8, flags: UInt8 = 0, expiry: UInt64 = 0, uses: UInt16 = 0,
    softwareID: SoftwareID, messageID: [UInt8] = []
  ) {
    self.code = code
    self.generationKey = generationKey
    self.flags = flags
    self.expiry = expiry
    self.uses = uses
    self.softwareID = softwareID
    self.messageID = messageID
  }
}

/// A batch of codes that reaches the card all or not at all.
///
/// Encoding: version 01 ‖ charge number (4) ‖ count (2) ‖ records. It is the value of ``DataTag/chargeBatch``.
public struct ChargeBatch: Hashable, Sendable {
  /// Version octet of the encoding.
  public static let version: UInt8 = 1
  /// Octets before the first record.
  public static let headerOctets = 7
  /// Octets of a record without its ID.
  public static let recordOctets = 39

  /// One more than the card's charge counter.
  public var number: UInt32
  /// The codes.
  public var records: [ChargeRecord]

  /// A batch.
  public init(number: UInt32, records: [ChargeRecord]) {
    self.number = number
    self.records = records
  }

  /// The batch as octets.
  ///
  /// - Throws: ``OctetError/invalid`` when a code or ID has the wrong length, ``OctetError/full`` for over 65,535 codes.
  public func encoded() throws(OctetError) -> [UInt8] {
    guard records.count <= 0xFFFF else { throw .full }
    let size = ChargeBatch.headerOctets + records.reduce(0) { $0 + ChargeBatch.recordOctets + $1.messageID.count }
    let buffer = OctetBuffer(capacity: size)
    try buffer.append(ChargeBatch.version)
    try buffer.append(number)
    try buffer.append(UInt16(records.count))
    for record in records {
      guard record.code.count == CardProtocol.codeOctets else { throw .invalid }
      guard record.messageID.count <= CardProtocol.messageIDOctets else { throw .invalid }
      try buffer.append(record.code.span.bytes)
      try buffer.append(record.generationKey)
      try buffer.append(record.flags)
      try buffer.append(record.expiry)
      try buffer.append(record.uses)
      try buffer.append(record.softwareID.octets.span.bytes)
      try buffer.append(UInt8(record.messageID.count))
      try buffer.append(record.messageID.span.bytes)
    }
    let octets = buffer.withBytes { $0.octets }
    buffer.wipe()
    return octets
  }
}

/// The card's authenticated word that it holds a batch.
///
/// Encoding: number (4) ‖ SHA-256 of the batch (32) ‖ count (2) ‖ codes ever charged (4) ‖ CMAC (16). The CMAC is under
/// the key ``KeyLabel/chargeReceipt`` over the typed fields serial, number, digest, count, total.
public struct ChargeReceipt: Hashable, Sendable {
  /// Octets of the encoding.
  public static let octetCount = 58

  /// Number of the charge.
  public var number: UInt32
  /// SHA-256 of the batch's encoding.
  public var digest: [UInt8]
  /// Codes in the batch.
  public var count: UInt16
  /// Codes ever charged onto the card.
  public var total: UInt32
  /// The CMAC, 16 octets.
  public var mac: [UInt8]

  /// Reads a receipt; whether its MAC is right is for the centre to say.
  public init(_ octets: RawSpan) throws(OctetError) {
    var reader = OctetReader(octets)
    number = try reader.u32()
    digest = try reader.take(32).octets
    count = try reader.u16()
    total = try reader.u32()
    mac = try reader.take(16).octets
    try reader.expectEnd()
  }
}

extension OctetBuffer {
  /// Makes this buffer the input of a charge receipt's CMAC.
  public func becomeReceiptInput(
    serial: RawSpan, number: UInt32, digest: RawSpan, count: UInt16, total: UInt32
  ) throws(OctetError) {
    removeAll()
    try appendField(.cardSerial, serial)
    try appendField(.chargeNumber, number)
    try appendField(.digest, digest)
    try append(FieldType.count.rawValue)
    try append(UInt16(2))
    try append(count)
    try appendField(.total, total)
  }
}
