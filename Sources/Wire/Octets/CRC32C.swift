/// CRC-32C (Castagnoli polynomial, reflected 0x82F63B78; RFC 3720 appendix B.4), detecting accidental change only.
public struct CRC32C: Sendable {
  private var state: UInt32 = 0xFFFF_FFFF

  /// The checksum of no octets.
  public init() {}

  /// A checksum that goes on from where another computation of it, such as a processor's own, has come to.
  ///
  /// - Parameter state: the register: the complement of that checksum's value.
  public init(register state: UInt32) { self.state = state }

  /// What a processor's own computation can go on from: the complement of ``value``.
  public var register: UInt32 { state }

  /// Takes in one octet.
  public mutating func update(_ octet: UInt8) {
    state = CRC32C.step(state, octet, CRC32C.tables)
  }

  /// Takes in all of `bytes`, eight octets at a time (slicing-by-8).
  public mutating func update(_ bytes: RawSpan) {
    // Taken once: each use of a global asks first whether it has been made.
    let tables = CRC32C.tables
    var state = state
    var offset = 0
    let end = bytes.byteCount
    while end - offset >= 8 {
      let octets = UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self))
      let low = UInt32(truncatingIfNeeded: octets) ^ state
      let high = UInt32(truncatingIfNeeded: octets >> 32)
      // Table k holds what k more octets of zeros make of an octet's remainder.
      state = tables[0x700 + Int(low & 0xFF)] ^ tables[0x600 + Int(low >> 8 & 0xFF)]
      state ^= tables[0x500 + Int(low >> 16 & 0xFF)] ^ tables[0x400 + Int(low >> 24)]
      state ^= tables[0x300 + Int(high & 0xFF)] ^ tables[0x200 + Int(high >> 8 & 0xFF)]
      state ^= tables[0x100 + Int(high >> 16 & 0xFF)] ^ tables[Int(high >> 24)]
      offset += 8
    }
    while offset < end {
      state = CRC32C.step(state, bytes.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self), tables)
      offset += 1
    }
    self.state = state
  }

  /// The checksum of everything taken in so far.
  public var value: UInt32 { ~state }

  /// The checksum of `bytes`.
  public static func checksum(_ bytes: RawSpan) -> UInt32 {
    var crc = CRC32C()
    crc.update(bytes)
    return crc.value
  }

  private static func step(_ state: UInt32, _ octet: UInt8, _ tables: UnsafePointer<UInt32>) -> UInt32 {
    (state >> 8) ^ tables[Int(UInt8(truncatingIfNeeded: state) ^ octet)]
  }

  /// The remainders of all octets, followed by none to seven octets of zeros: made once, never changed, never freed.
  nonisolated(unsafe) private static let tables: UnsafePointer<UInt32> = {
    let tables = UnsafeMutablePointer<UInt32>.allocate(capacity: 8 * 256)
    for index in 0..<256 {
      var remainder = UInt32(index)
      for _ in 0..<8 { remainder = (remainder >> 1) ^ (remainder & 1 == 1 ? 0x82F6_3B78 : 0) }
      tables[index] = remainder
    }
    for index in 256..<(8 * 256) {
      let before = tables[index - 256]
      tables[index] = (before >> 8) ^ tables[Int(before & 0xFF)]
    }
    return UnsafePointer(tables)
  }()
}
