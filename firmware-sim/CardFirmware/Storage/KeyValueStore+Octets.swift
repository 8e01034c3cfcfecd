import Octets

/// Looking at the flash where it is mapped. Every offset here comes from a walk that checked it.
extension KeyValueStore {
  /// Lends `count` octets at `offset`.
  @_lifetime(borrow self)
  func octets(_ offset: Int, _ count: Int) -> RawSpan {
    let span = RawSpan(_unsafeStart: flash.base + offset, byteCount: count)
    return _overrideLifetime(span, borrowing: self)
  }

  /// Lends the value of the sound record whose head lies at `offset`.
  @_lifetime(borrow self)
  func value(at offset: Int) -> RawSpan {
    let high = flash.base.load(fromByteOffset: offset + 4, as: UInt8.self)
    let low = flash.base.load(fromByteOffset: offset + 5, as: UInt8.self)
    return octets(offset + RecordHead.octetCount, Int(high) << 8 | Int(low))
  }

  /// Whether the record at `offset` carries the check that its head, its value and its page ask for.
  func isSound(_ head: RecordHead, at offset: Int, page sequence: UInt64) -> Bool {
    head.checksum(octets(offset + RecordHead.octetCount, Int(head.length)), page: sequence) == head.check
  }

  /// Whether `count` octets from `offset` on are all `octet`.
  func isFilled(_ offset: Int, _ count: Int, with octet: UInt8) -> Bool {
    let base = flash.base + offset
    var index = 0
    while index < count {
      guard base.load(fromByteOffset: index, as: UInt8.self) == octet else { return false }
      index += 1
    }
    return true
  }
}
