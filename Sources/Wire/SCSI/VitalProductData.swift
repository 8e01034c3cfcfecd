import Octets

/// The vital product data pages known here (SPC-4, 7.8).
public enum VitalProductDataPage: UInt8, Hashable, Sendable, CaseIterable {
  /// Which pages there are.
  case supportedPages = 0x00
  /// The drive's serial number.
  case unitSerialNumber = 0x80
  /// The drive's designators.
  case deviceIdentification = 0x83
  /// What the transport and the drive can do besides (SPC-4, 7.8.7).
  case extendedInquiry = 0x86
  /// The most that commands may ask for (SBC-3, 6.5.3).
  case blockLimits = 0xB0
  /// What the medium is like (SBC-3, 6.5.2).
  case blockDeviceCharacteristics = 0xB1
  /// How blocks and sectors belong together (SBC-3, 6.5.4): one to one.
  case logicalBlockProvisioning = 0xB2
}

/// A vital product data page: page code and what is behind its length (SPC-4, 7.8.1).
///
/// Not copied: lends the octets it was read from.
public struct VitalProductData: ~Escapable {
  /// What kind of device it is.
  public let peripheralType: PeripheralType
  /// The page code.
  public let page: UInt8
  /// The page's own octets.
  public let content: RawSpan

  /// Reads a page as a drive sent it.
  ///
  /// - Throws: ``OctetError/truncated`` if the answer ends before the length it states.
  @_lifetime(copy bytes)
  public init(parsing bytes: RawSpan) throws(OctetError) {
    var reader = OctetReader(bytes)
    peripheralType = PeripheralType(rawValue: try reader.u8())
    page = try reader.u8()
    let length = try reader.u16()
    content = try reader.take(Int(length))
  }
}

extension OctetBuffer {
  /// Appends a page, with the content that `content` appends.
  public func appendVitalProductData(
    _ page: VitalProductDataPage, of type: PeripheralType, content: (OctetBuffer) throws(OctetError) -> Void
  ) throws(OctetError) {
    let start = count
    try append(type.rawValue)
    try append(page.rawValue)
    try append(UInt16(0))
    try content(self)
    let length = count - start - 4
    guard length <= 0xFFFF else { throw .full }
    let field: [UInt8] = [UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length)]
    try replace(at: start + 2, with: field.span.bytes)
  }
}

/// One designator of the device identification page (SPC-4, 7.8.6.1).
public struct Designator: Hashable, Sendable {
  /// How the designator is made: 1 vendor and serial, 2 EUI-64, 3 NAA, 8 SCSI name.
  public var type: UInt8
  /// 1 binary, 2 ASCII, 3 UTF-8.
  public var codeSet: UInt8
  /// 0 for the logical unit, 1 for the port, 2 for the device.
  public var association: UInt8
  /// The designator itself.
  public var octets: [UInt8]

  /// A designator.
  public init(type: UInt8, codeSet: UInt8, association: UInt8 = 0, octets: [UInt8]) {
    self.type = type
    self.codeSet = codeSet
    self.association = association
    self.octets = octets
  }

  /// The designators in the content of a device identification page.
  public static func list(parsing content: RawSpan) throws(OctetError) -> [Designator] {
    var reader = OctetReader(content)
    var designators: [Designator] = []
    while !reader.isAtEnd {
      let codeSet = try reader.u8() & 0x0F
      let kind = try reader.u8()
      _ = try reader.u8()
      let length = try reader.u8()
      designators.append(
        Designator(
          type: kind & 0x0F, codeSet: codeSet, association: kind >> 4 & 3, octets: try reader.take(Int(length)).octets))
    }
    return designators
  }

  /// Appends the designator.
  public func append(to buffer: OctetBuffer) throws(OctetError) {
    guard octets.count <= 0xFF else { throw .full }
    try buffer.append(codeSet & 0x0F)
    try buffer.append((association & 3) << 4 | type & 0x0F)
    try buffer.append(UInt8(0))
    try buffer.append(UInt8(octets.count))
    for octet in octets { try buffer.append(octet) }
  }
}
