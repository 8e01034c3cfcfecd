import Octets

/// One BER-TLV data object, lent by a ``TLVReader`` (ISO/IEC 7816-4, 5.2.2; ISO/IEC 8825-1).
public struct TLVElement: ~Escapable {
  /// The tag's octets as a big-endian integer: 5F2D is 0x5F2D.
  public let tag: UInt32
  /// The value field.
  public let value: RawSpan

  @_lifetime(copy value)
  init(tag: UInt32, value: RawSpan) {
    self.tag = tag
    self.value = value
  }

  /// Whether the value field is itself BER-TLV coded (bit 6 of the tag's first octet).
  public var isConstructed: Bool { BERTLV.isConstructed(tag) }
}

/// A cursor over BER-TLV data objects that came from outside.
///
/// It reads one level; a nested level is another reader over the element's value, so depth costs the caller a loop of
/// its own making, never recursion here. Tags have 1 to 4 octets, lengths 1 to 5 (80, the indefinite one, is refused);
/// lengths need not be minimal, since ISO/IEC 7816-4 does not ask it.
public struct TLVReader: ~Escapable {
  private var reader: OctetReader

  /// A reader at the first object in `span`.
  @_lifetime(copy span)
  public init(_ span: RawSpan) { reader = OctetReader(span) }

  /// Whether every object has been read.
  public var isAtEnd: Bool { reader.isAtEnd }

  /// Reads the next object.
  ///
  /// - Throws: ``OctetError/truncated`` at the end or when the value is longer than what is left,
  ///   ``OctetError/invalid`` for a tag or length that the format forbids.
  @_lifetime(copy self)
  public mutating func next() throws(OctetError) -> TLVElement {
    let tag = try TLVReader.tag(&reader)
    let length = try TLVReader.length(&reader)
    return TLVElement(tag: tag, value: try reader.take(length))
  }

  private static func tag(_ reader: inout OctetReader) throws(OctetError) -> UInt32 {
    let first = try reader.u8()
    guard first != 0 else { throw .invalid }
    var tag = UInt32(first)
    guard first & 0x1F == 0x1F else { return tag }
    for position in 1...3 {
      let octet = try reader.u8()
      // A tag number never begins with zero bits (ISO/IEC 8825-1, 8.1.2.4.2 c).
      if position == 1, octet == 0x80 { throw .invalid }
      tag = tag << 8 | UInt32(octet)
      if octet & 0x80 == 0 { return tag }
    }
    throw .invalid
  }

  private static func length(_ reader: inout OctetReader) throws(OctetError) -> Int {
    let first = try reader.u8()
    if first < 0x80 { return Int(first) }
    let octets = Int(first & 0x7F)
    guard octets >= 1, octets <= 4 else { throw .invalid }
    var length: UInt32 = 0
    for _ in 0..<octets { length = length << 8 | UInt32(try reader.u8()) }
    // On a 32-bit machine an `Int` may not hold it; no buffer is that long either.
    guard let exact = Int(exactly: length) else { throw .truncated }
    return exact
  }
}

/// Tags and lengths as octets, and objects built of them.
public enum BERTLV {
  /// Whether a tag says that its value is a series of data objects.
  public static func isConstructed(_ tag: UInt32) -> Bool {
    let leading = (tagOctets(tag) - 1) * 8
    return (tag >> UInt32(leading)) & 0x20 != 0
  }

  /// Whether `tag` is one that ``TLVReader`` would read back as it stands.
  public static func isWellFormed(_ tag: UInt32) -> Bool {
    let count = tagOctets(tag)
    func octet(_ position: Int) -> UInt32 { (tag >> UInt32((count - 1 - position) * 8)) & 0xFF }
    guard octet(0) != 0, (octet(0) & 0x1F == 0x1F) == (count > 1) else { return false }
    if count > 1, octet(1) == 0x80 { return false }
    for position in 1..<max(count, 1) where (octet(position) & 0x80 == 0) != (position == count - 1) { return false }
    return true
  }

  /// Octets of a tag, 1 to 4.
  public static func tagOctets(_ tag: UInt32) -> Int {
    max(1, (32 - tag.leadingZeroBitCount + 7) / 8)
  }

  /// Octets of a length field for `length`, minimal: 1 to 5.
  public static func lengthOctets(_ length: Int) -> Int {
    length < 0x80 ? 1 : 1 + (32 - UInt32(truncatingIfNeeded: length).leadingZeroBitCount + 7) / 8
  }

  /// One data object as octets, its length field minimal. `tag` is the tag's octets as a big-endian integer.
  public static func encode(tag: UInt32, value: [UInt8]) -> [UInt8] {
    var octets: [UInt8] = []
    octets.reserveCapacity(tagOctets(tag) + lengthOctets(value.count) + value.count)
    appendBigEndian(tag, octets: tagOctets(tag), to: &octets)
    let lengthField = lengthOctets(value.count)
    if lengthField > 1 { octets.append(0x80 | UInt8(lengthField - 1)) }
    appendBigEndian(UInt32(value.count), octets: max(1, lengthField - 1), to: &octets)
    return octets + value
  }

  /// The value of the first object with `tag` at the top level of `span`; `nil` if there is none.
  ///
  /// - Throws: ``OctetError`` when what comes before it is no BER-TLV.
  @_lifetime(copy span)
  public static func firstValue(of tag: UInt32, in span: RawSpan) throws(OctetError) -> RawSpan? {
    var reader = TLVReader(span)
    while !reader.isAtEnd {
      let element = try reader.next()
      if element.tag == tag { return element.value }
    }
    return nil
  }

  private static func appendBigEndian(_ value: UInt32, octets count: Int, to octets: inout [UInt8]) {
    for shift in stride(from: (count - 1) * 8, through: 0, by: -8) {
      octets.append(UInt8(truncatingIfNeeded: value >> UInt32(shift)))
    }
  }
}
