import Octets

/// What kind of device a drive says it is (SPC-4, 6.6.2, table 147).
public struct PeripheralType: RawRepresentable, Hashable, Sendable {
  /// The 5-bit code.
  public let rawValue: UInt8

  /// The type of the low five bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue & 0x1F }

  /// 00h: a direct-access block device, as disks say.
  public static let directAccess = PeripheralType(rawValue: 0x00)
  /// 07h: an optical memory device, as magneto-optical drives say.
  public static let opticalMemory = PeripheralType(rawValue: 0x07)
}

/// Standard INQUIRY data (SPC-4, 6.6.2).
public struct InquiryData: Hashable, Sendable {
  /// Octets that every drive sends, and the fewest that can be read.
  public static let octetCount = 36

  /// Octets with version descriptors.
  public static let fullOctetCount = 74

  /// What kind of device it is.
  public var peripheralType: PeripheralType
  /// Whether the medium can be taken out (RMB).
  public var isRemovable: Bool
  /// The version of SPC claimed; 06h is SPC-4.
  public var version: UInt8
  /// The vendor, 8 characters.
  public var vendor: ASCIIField
  /// The product, 16 characters.
  public var product: ASCIIField
  /// The product's revision, 4 characters.
  public var revision: ASCIIField
  /// Standards claimed, at most eight (SPC-4, table 149).
  public var standards: [UInt16]

  /// The data of a drive.
  public init(
    peripheralType: PeripheralType, isRemovable: Bool = true, version: UInt8 = 0x06, vendor: ASCIIField,
    product: ASCIIField, revision: ASCIIField, standards: [UInt16] = []
  ) {
    self.peripheralType = peripheralType
    self.isRemovable = isRemovable
    self.version = version
    self.vendor = vendor
    self.product = product
    self.revision = revision
    self.standards = standards
  }

  /// Reads what a drive sent; at least the first 36 octets must be there.
  public init(parsing bytes: RawSpan) throws(OctetError) {
    guard bytes.byteCount >= InquiryData.octetCount else { throw .truncated }
    self.init(
      peripheralType: PeripheralType(rawValue: bytes[octet: 0]), isRemovable: bytes[octet: 1] & 0x80 != 0,
      version: bytes[octet: 2], vendor: ASCIIField(parsing: bytes.extracting(8..<16)),
      product: ASCIIField(parsing: bytes.extracting(16..<32)), revision: ASCIIField(parsing: bytes.extracting(32..<36)))
    var offset = 58
    while offset + 2 <= min(bytes.byteCount, InquiryData.fullOctetCount) {
      let standard = bytes.bigEndian16(at: offset)
      if standard != 0 { standards.append(standard) }
      offset += 2
    }
  }

  /// Appends the 74 octets.
  public func append(to buffer: OctetBuffer) throws(OctetError) {
    guard standards.count <= 8 else { throw .full }
    try buffer.append(peripheralType.rawValue)
    try buffer.append(UInt8(isRemovable ? 0x80 : 0))
    try buffer.append(version)
    try buffer.append(UInt8(0x02))  // response data format
    try buffer.append(UInt8(InquiryData.fullOctetCount - 5))
    try buffer.append(repeating: 0, count: 2)
    try buffer.append(UInt8(0x02))  // CMDQUE: commands may wait
    try vendor.append(to: buffer, width: 8)
    try product.append(to: buffer, width: 16)
    try revision.append(to: buffer, width: 4)
    try buffer.append(repeating: 0, count: 22)
    for index in 0..<8 { try buffer.append(index < standards.count ? standards[index] : 0) }
  }
}

extension InquiryData {
  /// SAM-5, SPC-4 and SBC-3, none in a particular version.
  public static let standards: [UInt16] = [0x00A0, 0x0460, 0x04C0]
}
