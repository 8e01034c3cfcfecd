/// Compares two byte strings in a time that depends on their lengths only.
public func constantTimeEqual(_ a: RawSpan, _ b: RawSpan) -> Bool {
  guard a.byteCount == b.byteCount else { return false }
  var difference: UInt8 = 0
  for offset in 0..<a.byteCount {
    difference |=
      a.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
      ^ b.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self)
  }
  return difference == 0
}

extension RawSpan {
  /// The octet at `offset`; the caller has checked the bounds (a violation traps as for an array).
  public subscript(octet offset: Int) -> UInt8 {
    unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }

  /// A copy as an array. Allocates: host side and tests only.
  public var octets: [UInt8] {
    withUnsafeBytes { [UInt8]($0) }
  }
}
