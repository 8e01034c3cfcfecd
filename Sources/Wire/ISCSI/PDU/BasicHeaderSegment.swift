import Octets

/// The 48 octets that begin every PDU (RFC 7143, 11.2.1).
///
/// What stands where depends on the opcode; the properties here are those that all, or most, PDUs share. Those of one
/// kind of PDU are in an extension for it. Whatever the octets, reading a field never fails.
public struct BasicHeaderSegment: Sendable {
  /// Octets of it.
  public static let octetCount = 48

  /// The tag that stands for none (RFC 7143, 11.2.1.8).
  public static let noTag: UInt32 = 0xFFFF_FFFF

  /// The most octets that a data segment can have: its length has 24 bits.
  public static let maximumDataSegmentOctets = 0xFF_FFFF

  /// The octets as they travel.
  public private(set) var octets: InlineArray<48, UInt8>

  /// A header of zeros but for its opcode, with the final flag set.
  public init(_ opcode: Opcode) {
    octets = InlineArray(repeating: 0)
    octets[0] = opcode.rawValue
    octets[1] = 0x80
  }

  /// The header that these octets are.
  public init(octets: InlineArray<48, UInt8>) { self.octets = octets }

  /// Reads a header.
  ///
  /// - Throws: ``OctetError/truncated`` for fewer than 48 octets.
  public init(parsing bytes: RawSpan) throws(OctetError) {
    guard bytes.byteCount >= BasicHeaderSegment.octetCount else { throw .truncated }
    self.init(octets: bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: InlineArray<48, UInt8>.self))
  }

  /// Lends the octets.
  @inlinable
  public func withBytes<R: ~Copyable, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
    let octets = octets
    return try body(octets.span.bytes)
  }
}

// Fields by their place. Every offset here is a constant of the format, so none is outside.
extension BasicHeaderSegment {
  subscript(octet offset: Int) -> UInt8 {
    get { octets[offset] }
    set { octets[offset] = newValue }
  }

  func u16(_ offset: Int) -> UInt16 { UInt16(octets[offset]) << 8 | UInt16(octets[offset + 1]) }

  func u32(_ offset: Int) -> UInt32 { UInt32(u16(offset)) << 16 | UInt32(u16(offset + 2)) }

  func u64(_ offset: Int) -> UInt64 { UInt64(u32(offset)) << 32 | UInt64(u32(offset + 4)) }

  mutating func put(_ value: UInt16, at offset: Int) {
    octets[offset] = UInt8(truncatingIfNeeded: value >> 8)
    octets[offset + 1] = UInt8(truncatingIfNeeded: value)
  }

  mutating func put(_ value: UInt32, at offset: Int) {
    put(UInt16(truncatingIfNeeded: value >> 16), at: offset)
    put(UInt16(truncatingIfNeeded: value), at: offset + 2)
  }

  mutating func put(_ value: UInt64, at offset: Int) {
    put(UInt32(truncatingIfNeeded: value >> 32), at: offset)
    put(UInt32(truncatingIfNeeded: value), at: offset + 4)
  }

  func flag(_ mask: UInt8, at offset: Int = 1) -> Bool { octets[offset] & mask != 0 }

  mutating func setFlag(_ mask: UInt8, at offset: Int = 1, _ isSet: Bool) {
    octets[offset] = isSet ? octets[offset] | mask : octets[offset] & ~mask
  }
}

// What all PDUs share.
extension BasicHeaderSegment {
  /// What the PDU is for; `nil` for an opcode that RFC 7143 does not define.
  public var opcode: Opcode? { Opcode(rawValue: octets[0] & 0x3F) }

  /// Whether the target is to look at it at once, out of the order of command numbers (the I bit).
  public var isImmediate: Bool {
    get { flag(0x40, at: 0) }
    set { setFlag(0x40, at: 0, newValue) }
  }

  /// Whether it ends a sequence (the F bit; in login PDUs the T bit).
  public var isFinal: Bool {
    get { flag(0x80) }
    set { setFlag(0x80, newValue) }
  }

  /// Octets of additional header segments behind this one.
  public var additionalHeaderOctets: Int {
    get { Int(octets[4]) * 4 }
    set { octets[4] = UInt8(truncatingIfNeeded: newValue / 4) }
  }

  /// Octets of the data segment, without its padding.
  public var dataSegmentOctets: Int {
    get { Int(u32(4) & 0xFF_FFFF) }
    set { put(UInt32(octets[4]) << 24 | UInt32(truncatingIfNeeded: newValue) & 0xFF_FFFF, at: 4) }
  }

  /// Octets that fill the data segment up to a multiple of 4.
  public var paddingOctets: Int { -dataSegmentOctets & 3 }

  /// The logical unit, in SAM's 8-octet form.
  public var lun: UInt64 {
    get { u64(8) }
    set { put(newValue, at: 8) }
  }

  /// The initiator's name for the task.
  public var initiatorTaskTag: UInt32 {
    get { u32(16) }
    set { put(newValue, at: 16) }
  }

  /// The target's name for a transfer; of task management requests, the task concerned.
  public var targetTransferTag: UInt32 {
    get { u32(20) }
    set { put(newValue, at: 20) }
  }

  /// From an initiator: the command's place in the session.
  public var cmdSN: UInt32 {
    get { u32(24) }
    set { put(newValue, at: 24) }
  }

  /// From an initiator: the number of the next response expected on this connection.
  public var expStatSN: UInt32 {
    get { u32(28) }
    set { put(newValue, at: 28) }
  }

  /// From a target: the number of this response on its connection.
  public var statSN: UInt32 {
    get { u32(24) }
    set { put(newValue, at: 24) }
  }

  /// From a target: the next command number expected.
  public var expCmdSN: UInt32 {
    get { u32(28) }
    set { put(newValue, at: 28) }
  }

  /// From a target: the last command number that it takes now.
  public var maxCmdSN: UInt32 {
    get { u32(32) }
    set { put(newValue, at: 32) }
  }
}
