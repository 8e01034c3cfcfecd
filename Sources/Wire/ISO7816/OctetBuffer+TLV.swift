import Octets

extension OctetBuffer {
  /// Appends one BER-TLV data object with a minimal length field, or nothing.
  ///
  /// - Throws: ``OctetError/full`` when it does not fit, ``OctetError/invalid`` for a tag that is none.
  public func appendTLV(tag: UInt32, _ value: RawSpan) throws(OctetError) {
    let head = try headOctets(tag, length: value.byteCount)
    guard head + value.byteCount <= capacity - count else { throw .full }
    try appendTag(tag)
    try appendLength(value.byteCount)
    try append(value)
  }

  /// Appends one BER-TLV data object whose value is whatever `body` appends; on an error nothing stays.
  ///
  /// - Throws: what `body` throws, ``OctetError/full``, or ``OctetError/invalid`` for a tag that is none.
  public func appendTLV(tag: UInt32, _ body: (OctetBuffer) throws(OctetError) -> Void) throws(OctetError) {
    let start = count
    do {
      _ = try headOctets(tag, length: 0)
      try appendTag(tag)
      let valueStart = count
      try body(self)
      try insertLength(before: valueStart)
    } catch {
      truncate(to: start)
      throw error
    }
  }

  private func headOctets(_ tag: UInt32, length: Int) throws(OctetError) -> Int {
    guard BERTLV.isWellFormed(tag) else { throw .invalid }
    return BERTLV.tagOctets(tag) + BERTLV.lengthOctets(length)
  }

  private func appendTag(_ tag: UInt32) throws(OctetError) {
    try appendBigEndian(tag, octets: BERTLV.tagOctets(tag))
  }

  private func appendLength(_ length: Int) throws(OctetError) {
    let octets = BERTLV.lengthOctets(length)
    if octets > 1 { try append(0x80 | UInt8(octets - 1)) }
    try appendBigEndian(UInt32(truncatingIfNeeded: length), octets: max(1, octets - 1))
  }

  private func appendBigEndian(_ value: UInt32, octets: Int) throws(OctetError) {
    var shift = UInt32(octets) * 8
    while shift > 0 {
      shift -= 8
      try append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }

  /// Puts the length of everything from `valueStart` on in front of it: appended first, then turned to the front.
  private func insertLength(before valueStart: Int) throws(OctetError) {
    let length = count - valueStart
    guard length >= 0 else { throw .invalid }
    let octets = BERTLV.lengthOctets(length)
    var field = InlineArray<5, UInt8>(repeating: 0)
    try appendLength(length)
    for index in 0..<octets { field[index] = self[valueStart + length + index] ?? 0 }
    withMutableBytes(from: valueStart) { (span: inout MutableRawSpan) in
      span.withUnsafeMutableBytes { bytes in
        UnsafeMutableRawBufferPointer(rebasing: bytes[octets...])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<length]))
        for index in 0..<octets { bytes[index] = field[index] }
      }
    }
  }
}
