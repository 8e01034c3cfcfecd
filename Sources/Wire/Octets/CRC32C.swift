/// CRC-32C (Castagnoli polynomial, reflected 0x82F63B78; RFC 3720 appendix B.4), detecting accidental change only.
public struct CRC32C: Sendable {
  private var state: UInt32 = 0xFFFF_FFFF

  /// The checksum of no octets.
  public init() {}

  /// Takes in one octet.
  public mutating func update(_ octet: UInt8) {
    state = CRC32C.step(state, octet, CRC32C.table)
  }

  /// Takes in all of `bytes`.
  public mutating func update(_ bytes: RawSpan) {
    // Taken once: each use of a global asks first whether it has been made.
    let table = CRC32C.table
    var state = state
    for offset in 0..<bytes.byteCount {
      state = CRC32C.step(state, bytes.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self), table)
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

  private static func step(_ state: UInt32, _ octet: UInt8, _ table: UnsafePointer<UInt32>) -> UInt32 {
    (state >> 8) ^ table[Int(UInt8(truncatingIfNeeded: state) ^ octet)]
  }

  /// The remainders of all octets: made once, never changed, never freed.
  nonisolated(unsafe) private static let table: UnsafePointer<UInt32> = {
    let table = UnsafeMutablePointer<UInt32>.allocate(capacity: 256)
    for index in 0..<256 {
      var remainder = UInt32(index)
      for _ in 0..<8 { remainder = (remainder >> 1) ^ (remainder & 1 == 1 ? 0x82F6_3B78 : 0) }
      table[index] = remainder
    }
    return UnsafePointer(table)
  }()
}
