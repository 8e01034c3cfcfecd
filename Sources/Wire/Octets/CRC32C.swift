/// CRC-32C (Castagnoli polynomial, reflected 0x82F63B78; RFC 3720 appendix B.4), detecting accidental change only.
public struct CRC32C: Sendable {
  private var state: UInt32 = 0xFFFF_FFFF

  /// The checksum of no octets.
  public init() {}

  /// Takes in one octet.
  public mutating func update(_ octet: UInt8) {
    let index = UInt8(truncatingIfNeeded: state) ^ octet
    state = (state >> 8) ^ CRC32C.step(index)
  }

  /// Takes in all of `bytes`.
  public mutating func update(_ bytes: RawSpan) {
    for offset in 0..<bytes.byteCount {
      update(bytes.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self))
    }
  }

  /// The checksum of everything taken in so far.
  public var value: UInt32 { ~state }

  /// The checksum of `bytes`.
  public static func checksum(_ bytes: RawSpan) -> UInt32 {
    var crc = CRC32C()
    crc.update(bytes)
    return crc.value
  }

  private static func step(_ index: UInt8) -> UInt32 { table[Int(index)] }

  private static let table: InlineArray<256, UInt32> = {
    var table = InlineArray<256, UInt32>(repeating: 0)
    for index in 0..<256 {
      var remainder = UInt32(index)
      for _ in 0..<8 { remainder = (remainder >> 1) ^ (remainder & 1 == 1 ? 0x82F6_3B78 : 0) }
      table[index] = remainder
    }
    return table
  }()
}
