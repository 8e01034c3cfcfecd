import Octets

/// How long APDUs may be on a card: data object 7F66 in EF.ATR/INFO (ISO/IEC 7816-4:2013, 12.7.1).
public struct ExtendedLengthInformation: Hashable, Sendable {
  /// Tag of the data object.
  public static let tag: UInt32 = 0x7F66
  private static let integerTag: UInt32 = 0x02

  /// The most octets of a whole command APDU.
  public var commandOctets: Int
  /// The most octets of a whole response APDU.
  public var responseOctets: Int

  /// Limits, in octets.
  public init(commandOctets: Int, responseOctets: Int) {
    self.commandOctets = commandOctets
    self.responseOctets = responseOctets
  }

  /// Reads the value of the data object: two integers of 1 to 4 octets.
  ///
  /// - Throws: ``OctetError`` when it is anything else.
  public init(parsing value: RawSpan) throws(OctetError) {
    var reader = TLVReader(value)
    commandOctets = try ExtendedLengthInformation.integer(&reader)
    responseOctets = try ExtendedLengthInformation.integer(&reader)
    guard reader.isAtEnd else { throw .trailing }
  }

  private static func integer(_ reader: inout TLVReader) throws(OctetError) -> Int {
    let element = try reader.next()
    guard element.tag == integerTag, (1...4).contains(element.value.byteCount) else { throw .invalid }
    var value: UInt32 = 0
    for index in 0..<element.value.byteCount { value = value << 8 | UInt32(element.value[octet: index]) }
    guard let exact = Int(exactly: value) else { throw .invalid }
    return exact
  }
}

extension OctetBuffer {
  /// Appends the whole data object 7F66, each limit in two octets; what is more than 65,535 is written as that.
  public func appendExtendedLengthInformation(_ information: ExtendedLengthInformation) throws(OctetError) {
    try appendTLV(tag: ExtendedLengthInformation.tag) { (buffer) throws(OctetError) in
      for limit in [information.commandOctets, information.responseOctets] {
        try buffer.append(UInt16(0x0202))
        try buffer.append(UInt16(clamping: limit))
      }
    }
  }
}
