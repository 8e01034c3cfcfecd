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
  /// Octets written; a drive may send more.
  public static let octetCount = 36

  /// What kind of device it is.
  public var peripheralType: PeripheralType
  /// Whether the medium can be taken out (RMB).
  public var isRemovable: Bool
  /// The version of SPC claimed; 05h is SPC-3.
  public var version: UInt8
  /// The vendor, 8 characters.
  public var vendor: ASCIIField
  /// The product, 16 characters.
  public var product: ASCIIField
  /// The product's revision, 4 characters.
  public var revision: ASCIIField

  /// The data of a drive.
  public init(
    peripheralType: PeripheralType, isRemovable: Bool = true, version: UInt8 = 0x05, vendor: ASCIIField,
    product: ASCIIField, revision: ASCIIField
  ) {
    self.peripheralType = peripheralType
    self.isRemovable = isRemovable
    self.version = version
    self.vendor = vendor
    self.product = product
    self.revision = revision
  }

  /// Reads what a drive sent; at least the first 36 octets must be there.
  public init(parsing bytes: RawSpan) throws(OctetError) {
    guard bytes.byteCount >= InquiryData.octetCount else { throw .truncated }
    self.init(
      peripheralType: PeripheralType(rawValue: bytes[octet: 0]), isRemovable: bytes[octet: 1] & 0x80 != 0,
      version: bytes[octet: 2], vendor: ASCIIField(parsing: bytes.extracting(8..<16)),
      product: ASCIIField(parsing: bytes.extracting(16..<32)), revision: ASCIIField(parsing: bytes.extracting(32..<36)))
  }

  /// Appends the 36 octets.
  public func append(to buffer: OctetBuffer) throws(OctetError) {
    try buffer.append(peripheralType.rawValue)
    try buffer.append(UInt8(isRemovable ? 0x80 : 0))
    try buffer.append(version)
    try buffer.append(UInt8(0x02))  // response data format
    try buffer.append(UInt8(InquiryData.octetCount - 5))
    try buffer.append(repeating: 0, count: 3)
    try vendor.append(to: buffer, width: 8)
    try product.append(to: buffer, width: 16)
    try revision.append(to: buffer, width: 4)
  }
}
