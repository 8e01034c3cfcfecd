/// A cursor over bytes that came from outside: every read is bounds-checked and throws, none traps.
///
/// Integers are big-endian unless a method says otherwise (ISO/IEC 7816-4 and SCSI both are).
public struct OctetReader: ~Escapable {
  @usableFromInline let span: RawSpan

  /// Octets consumed so far.
  public private(set) var position: Int

  /// A reader at the first octet of `span`.
  @_lifetime(copy span)
  public init(_ span: RawSpan) {
    self.span = span
    self.position = 0
  }

  /// Octets not yet consumed.
  public var remaining: Int { span.byteCount - position }

  /// Whether everything has been consumed.
  public var isAtEnd: Bool { remaining == 0 }

  /// Consumes `count` octets and lends them.
  ///
  /// - Throws: ``OctetError/truncated`` when fewer remain, or `count` is negative.
  @_lifetime(copy self)
  public mutating func take(_ count: Int) throws(OctetError) -> RawSpan {
    guard count >= 0, count <= remaining else { throw .truncated }
    defer { position += count }
    return span.extracting(position..<(position + count))
  }

  /// Consumes and lends all that is left, possibly nothing.
  @_lifetime(copy self)
  public mutating func takeRest() -> RawSpan {
    defer { position = span.byteCount }
    return span.extracting(position..<span.byteCount)
  }

  /// Consumes one octet.
  @_lifetime(self: copy self)
  public mutating func u8() throws(OctetError) -> UInt8 {
    guard remaining >= 1 else { throw .truncated }
    defer { position += 1 }
    return span.unsafeLoad(fromUncheckedByteOffset: position, as: UInt8.self)
  }

  /// Consumes a big-endian 16-bit integer.
  @_lifetime(self: copy self)
  public mutating func u16() throws(OctetError) -> UInt16 {
    guard remaining >= 2 else { throw .truncated }
    defer { position += 2 }
    return UInt16(bigEndian: span.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt16.self))
  }

  /// Consumes a big-endian 32-bit integer.
  @_lifetime(self: copy self)
  public mutating func u32() throws(OctetError) -> UInt32 {
    guard remaining >= 4 else { throw .truncated }
    defer { position += 4 }
    return UInt32(bigEndian: span.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt32.self))
  }

  /// Consumes a big-endian 64-bit integer.
  @_lifetime(self: copy self)
  public mutating func u64() throws(OctetError) -> UInt64 {
    guard remaining >= 8 else { throw .truncated }
    defer { position += 8 }
    return UInt64(bigEndian: span.unsafeLoadUnaligned(fromUncheckedByteOffset: position, as: UInt64.self))
  }

  /// Checks that nothing is left over.
  public func expectEnd() throws(OctetError) {
    guard isAtEnd else { throw .trailing }
  }
}

/// Why bytes could not be read from, or written to, a bounded region.
public enum OctetError: Error, Equatable {
  /// Fewer octets than the format needs.
  case truncated
  /// More octets than the format allows.
  case trailing
  /// The destination's fixed capacity is exhausted.
  case full
  /// A value no version of the format allows here.
  case invalid
}
