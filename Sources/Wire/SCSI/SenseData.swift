import Octets

/// Sense data (SPC-4, 4.5): why a command ended with CHECK CONDITION.
///
/// An outcome carries it in the fixed format, 18 octets; REQUEST SENSE gives it in either format.
public struct SenseData: Hashable, Sendable {
  /// Octets of the fixed format as written here.
  public static let octetCount = 18

  /// What went wrong.
  public var code: SenseCode

  /// The INFORMATION field if it is valid: for media errors and protected blocks the first block concerned.
  public var information: UInt64?

  /// Which octet, and bit, was not acceptable: of the CDB with 5/24/00, of the parameter list with 5/26/00.
  public var fieldPointer: FieldPointer?

  /// Whether this tells of an earlier command whose status was already given.
  public var isDeferred: Bool

  /// Where in a CDB, or in a parameter list, a bad field begins (SPC-4, 4.5.2.4.2).
  public struct FieldPointer: Hashable, Sendable {
    /// The octet, counted from 0.
    public var octet: UInt16
    /// The field's most significant bit in that octet, if it is not the whole octet.
    public var bit: UInt8?

    /// Whether the field is in the parameter list and not in the CDB.
    public var isInParameterList: Bool

    /// A pointer to an octet, or to a bit of it (0 to 7).
    public init(octet: UInt16, bit: UInt8? = nil, isInParameterList: Bool = false) {
      self.octet = octet
      self.bit = bit
      self.isInParameterList = isInParameterList
    }

    /// The three octets of sense-key-specific data.
    var octets: InlineArray<3, UInt8> {
      [
        (isInParameterList ? 0x80 : 0xC0) | (bit.map { 0x08 | ($0 & 7) } ?? 0),  // SKSV, C/D, BPV and the bit
        UInt8(truncatingIfNeeded: octet >> 8), UInt8(truncatingIfNeeded: octet),
      ]
    }
  }

  /// Sense data for a failure.
  public init(
    _ code: SenseCode, information: UInt64? = nil, fieldPointer: FieldPointer? = nil, isDeferred: Bool = false
  ) {
    self.code = code
    self.information = information
    self.fieldPointer = fieldPointer
    self.isDeferred = isDeferred
  }

  /// The class of the failure.
  public var key: SenseKey { code.key }

  /// The first block that could not be read, written or compared, or that is protected; `nil` if the drive did not say.
  public var firstBadBlock: UInt64? {
    switch key {
    case .mediumError, .dataProtect, .blankCheck, .miscompare, .hardwareError, .recoveredError: information
    default: nil
    }
  }

  /// Matches every failure of one class: `case .dataProtect:`.
  public static func ~= (key: SenseKey, sense: SenseData) -> Bool { sense.key == key }

  /// Matches one failure: `case .mediumNotPresent:`.
  public static func ~= (code: SenseCode, sense: SenseData) -> Bool { sense.code == code }
}

extension SenseData {
  /// The fixed format. An INFORMATION value over 32 bits does not fit and is left out, as the standard has it.
  public var fixedFormat: InlineArray<18, UInt8> {
    var octets = InlineArray<18, UInt8>(repeating: 0)
    octets[0] = isDeferred ? 0x71 : 0x70
    octets[2] = code.key.rawValue
    if let value = information, value <= UInt64(UInt32.max) {
      octets[0] |= 0x80
      for index in 0..<4 { octets[3 + index] = UInt8(truncatingIfNeeded: value >> UInt64(24 - 8 * index)) }
    }
    octets[7] = UInt8(SenseData.octetCount - 8)
    octets[12] = code.asc
    octets[13] = code.ascq
    if let pointer = fieldPointer {
      let specific = pointer.octets
      for index in 0..<3 { octets[15 + index] = specific[index] }
    }
    return octets
  }

  /// Appends the descriptor format (SPC-4, 4.5.2): 8 octets, and a descriptor for what else there is to tell.
  public func append(descriptorsTo buffer: OctetBuffer) throws(OctetError) {
    try buffer.append(UInt8(isDeferred ? 0x73 : 0x72))
    try buffer.append(code.key.rawValue)
    try buffer.append(code.asc)
    try buffer.append(code.ascq)
    try buffer.append(repeating: 0, count: 3)
    try buffer.append(UInt8((information == nil ? 0 : 12) + (fieldPointer == nil ? 0 : 8)))
    if let information {
      try buffer.append(UInt32(0x000A_8000))  // type, length, VALID
      try buffer.append(information)
    }
    if let fieldPointer {
      try buffer.append(UInt32(0x0206_0000))  // type, length
      let specific = fieldPointer.octets
      try buffer.append(specific.span.bytes)
      try buffer.append(UInt8(0))
    }
  }

  /// Reads sense data in either format. Fields that a short answer leaves out are taken as absent.
  ///
  /// - Throws: ``OctetError/truncated`` for less than the code itself, ``OctetError/invalid`` for a response code other
  ///   than 70h to 73h.
  public init(parsing bytes: RawSpan) throws(OctetError) {
    guard bytes.byteCount >= 1 else { throw .truncated }
    switch bytes[octet: 0] & 0x7F {
    case 0x70, 0x71: try self.init(fixed: bytes)
    case 0x72, 0x73: try self.init(descriptors: bytes)
    default: throw .invalid
    }
  }

  private init(fixed bytes: RawSpan) throws(OctetError) {
    guard bytes.byteCount >= 3 else { throw .truncated }
    let end = bytes.byteCount >= 8 ? min(bytes.byteCount, 8 + Int(bytes[octet: 7])) : bytes.byteCount
    let key = SenseKey(rawValue: bytes[octet: 2] & 0x0F) ?? .completed
    self.init(
      SenseCode(key, end > 12 ? bytes[octet: 12] : 0, end > 13 ? bytes[octet: 13] : 0),
      isDeferred: bytes[octet: 0] & 1 == 1)
    if bytes[octet: 0] & 0x80 != 0, bytes.byteCount >= 7 {
      information = UInt64(bytes.bigEndian32(at: 3))
    }
    if key == .illegalRequest, end > 17 {
      fieldPointer = SenseData.fieldPointer(bytes.extracting(15..<18))
    }
  }

  private init(descriptors bytes: RawSpan) throws(OctetError) {
    guard bytes.byteCount >= 4 else { throw .truncated }
    let key = SenseKey(rawValue: bytes[octet: 1] & 0x0F) ?? .completed
    self.init(SenseCode(key, bytes[octet: 2], bytes[octet: 3]), isDeferred: bytes[octet: 0] & 1 == 1)
    guard bytes.byteCount >= 8 else { return }
    let end = min(bytes.byteCount, 8 + Int(bytes[octet: 7]))
    var start = 8
    while start + 2 <= end {
      let next = start + 2 + Int(bytes[octet: start + 1])
      guard next <= end else { return }
      let descriptor = bytes.extracting(start..<next)
      switch descriptor[octet: 0] {
      case 0x00 where descriptor.byteCount >= 12 && descriptor[octet: 2] & 0x80 != 0:
        information = UInt64(descriptor.bigEndian32(at: 4)) << 32 | UInt64(descriptor.bigEndian32(at: 8))
      case 0x02 where descriptor.byteCount >= 7 && key == .illegalRequest:
        fieldPointer = SenseData.fieldPointer(descriptor.extracting(4..<7))
      default: break
      }
      start = next
    }
  }

  /// The three octets of sense-key-specific data as a pointer; `nil` if they are not valid (SKSV).
  private static func fieldPointer(_ bytes: RawSpan) -> FieldPointer? {
    guard bytes[octet: 0] & 0x80 != 0 else { return nil }
    return FieldPointer(
      octet: UInt16(bytes[octet: 1]) << 8 | UInt16(bytes[octet: 2]),
      bit: bytes[octet: 0] & 0x08 != 0 ? bytes[octet: 0] & 0x07 : nil,
      isInParameterList: bytes[octet: 0] & 0x40 == 0)
  }
}

extension CDBOutcome {
  /// The outcome GOOD.
  public static func good(transferred: Int = 0) -> CDBOutcome { CDBOutcome(status: .good, transferred: transferred) }

  /// The outcome CHECK CONDITION with its reason.
  public static func check(_ sense: SenseData, transferred: Int = 0) -> CDBOutcome {
    CDBOutcome(status: .checkCondition, transferred: transferred, sense: sense.fixedFormat)
  }

  /// Why the command ended with CHECK CONDITION; `nil` for any other status, or if the drive gave no readable reason.
  public var senseData: SenseData? {
    guard status == .checkCondition else { return nil }
    let octets = sense
    return try? SenseData(parsing: octets.span.bytes)
  }
}
