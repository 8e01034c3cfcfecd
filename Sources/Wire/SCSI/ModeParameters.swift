import Octets

/// What is in front of the mode pages (SPC-4, 7.5.4; SBC-3, 6.4.1): medium type, write protection, block descriptor.
public struct ModeParameters: Hashable, Sendable {
  /// Kind of medium in the drive (SCSI-2, table 321).
  public struct MediumType: RawRepresentable, Hashable, Sendable {
    /// The octet.
    public let rawValue: UInt8

    /// The type of this octet.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// 00h: the default type, or none.
    public static let none = MediumType(rawValue: 0x00)
    /// 03h: optical, erasable or rewritable.
    public static let opticalRewritable = MediumType(rawValue: 0x03)
    /// 05h: optical, read-only zones beside rewritable ones.
    public static let opticalPartlyReadOnly = MediumType(rawValue: 0x05)
  }

  /// Kind of medium.
  public var mediumType: MediumType
  /// Whether the whole medium is write protected (WP).
  public var isWriteProtected: Bool
  /// Whether DPO and FUA are heeded (DPOFUA).
  public var supportsForceUnitAccess: Bool
  /// The block descriptor, if there is one.
  public var capacity: Capacity?
  /// The pages behind, as they lie there.
  public var pages: [UInt8]

  /// Mode parameters.
  public init(
    mediumType: MediumType, isWriteProtected: Bool, supportsForceUnitAccess: Bool = true, capacity: Capacity? = nil,
    pages: [UInt8] = []
  ) {
    self.mediumType = mediumType
    self.isWriteProtected = isWriteProtected
    self.supportsForceUnitAccess = supportsForceUnitAccess
    self.capacity = capacity
    self.pages = pages
  }

  /// Reads the answer of MODE SENSE (6), or (10) if `isLong`. A block descriptor cut short counts as none.
  public init(parsing bytes: RawSpan, isLong: Bool) throws(OctetError) {
    var reader = OctetReader(bytes)
    if isLong { _ = try reader.u16() } else { _ = try reader.u8() }
    let mediumType = MediumType(rawValue: try reader.u8())
    let device = try reader.u8()
    let hasLongDescriptor = isLong ? try reader.u16() & 0x0100 != 0 : false
    let descriptorLength = isLong ? Int(try reader.u16()) : Int(try reader.u8())
    self.init(
      mediumType: mediumType, isWriteProtected: device & 0x80 != 0, supportsForceUnitAccess: device & 0x10 != 0)
    guard descriptorLength <= reader.remaining else { return }
    capacity = ModeParameters.descriptor(try reader.take(descriptorLength), isLong: hasLongDescriptor)
    pages = reader.takeRest().octets
  }

  /// The first block descriptor of `bytes`; `nil` if there is none or it tells nothing.
  private static func descriptor(_ bytes: RawSpan, isLong: Bool) -> Capacity? {
    let count: UInt64
    let size: UInt32
    if isLong {
      guard bytes.byteCount >= 16 else { return nil }
      count = bytes.bigEndian64(at: 0)
      size = bytes.bigEndian32(at: 12)
    } else {
      guard bytes.byteCount >= 8 else { return nil }
      count = UInt64(bytes.bigEndian32(at: 0))
      size = bytes.bigEndian32(at: 4) & 0xFF_FFFF
    }
    return count > 0 && size > 0 ? Capacity(blockCount: count, blockSize: size) : nil
  }

  /// Appends the answer of MODE SENSE (6), or (10) if `isLong`, with the short block descriptor.
  public func append(to buffer: OctetBuffer, isLong: Bool) throws(OctetError) {
    let descriptorLength = capacity == nil ? 0 : 8
    let rest = (isLong ? 6 : 3) + descriptorLength + pages.count
    let device: UInt8 = (isWriteProtected ? 0x80 : 0) | (supportsForceUnitAccess ? 0x10 : 0)
    if isLong {
      guard rest <= 0xFFFF else { throw .full }
      try buffer.append(UInt16(rest))
    } else {
      guard rest <= 0xFF else { throw .full }
      try buffer.append(UInt8(rest))
    }
    try buffer.append(mediumType.rawValue)
    try buffer.append(device)
    if isLong { try buffer.append(UInt16(0)) }
    if isLong { try buffer.append(UInt16(descriptorLength)) } else { try buffer.append(UInt8(descriptorLength)) }
    if let capacity {
      try buffer.append(UInt32(clamping: capacity.blockCount))
      try buffer.append(capacity.blockSize & 0xFF_FFFF)
    }
    try buffer.append(pages.span.bytes)
  }
}
