import Octets

/// What a reader's driver can do beyond exchanging APDUs, and the control codes by which to ask for it
/// (PC/SC Part 10, 2.2 and 2.3).
package struct ReaderFeatures: Sendable, Hashable {
  /// Tags of the features that this driver uses.
  package enum Feature: UInt8, Sendable {
    case verifyPINDirect = 0x06
    case modifyPINDirect = 0x07
    case tlvProperties = 0x12
  }

  /// `CM_IOCTL_GET_FEATURE_REQUEST`: asks for the list.
  package static let request: UInt32 = 0x4200_0000 + 3400

  private var controlCodes: [UInt8: UInt32] = [:]

  /// No features.
  package init() {}

  /// Reads the list: tag, length 4, control code, which is big-endian.
  package init(parsing octets: RawSpan) throws(OctetError) {
    var reader = OctetReader(octets)
    while !reader.isAtEnd {
      let tag = try reader.u8()
      let value = try reader.take(Int(try reader.u8()))
      guard value.byteCount == 4 else { throw .invalid }
      var code = OctetReader(value)
      controlCodes[tag] = try code.u32()
    }
  }

  /// The control code of a feature; `nil` without it.
  package subscript(feature: Feature) -> UInt32? { controlCodes[feature.rawValue] }
}

/// What a reader says of itself (PC/SC Part 10, 2.6.14): `FEATURE_GET_TLV_PROPERTIES`.
package struct ReaderProperties: Sendable, Hashable {
  /// The most octets of data in an APDU (`dwMaxAPDUDataSize`): up to 256 for short APDUs alone, up to 65,536 beyond.
  package var longestAPDUData: Int?
  /// Shortest and longest PIN that its keypad takes, in digits.
  package var shortestPIN: UInt8?, longestPIN: UInt8?

  /// Nothing said.
  package init() {}

  /// Reads the properties: tag, length, value, which is little-endian.
  package init(parsing octets: RawSpan) throws(OctetError) {
    var reader = OctetReader(octets)
    while !reader.isAtEnd {
      let tag = try reader.u8()
      let value = try reader.take(Int(try reader.u8()))
      switch tag {
      case 0x0A: longestAPDUData = try ReaderProperties.number(value)
      case 0x06: shortestPIN = UInt8(clamping: try ReaderProperties.number(value))
      case 0x07: longestPIN = UInt8(clamping: try ReaderProperties.number(value))
      default: break
      }
    }
  }

  private static func number(_ value: RawSpan) throws(OctetError) -> Int {
    guard (1...4).contains(value.byteCount) else { throw .invalid }
    var number = 0
    for index in (0..<value.byteCount).reversed() { number = number << 8 | Int(value[octet: index]) }
    return number
  }
}
