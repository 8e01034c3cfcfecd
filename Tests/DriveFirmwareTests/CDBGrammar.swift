import Glibc
import SCSI

/// SplitMix64: what a test draws can be drawn again from the seed it printed.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// How much a run does: a sample, or with `WARIFU_SOAK=1` everything.
func soak(_ sample: Int, _ full: Int) -> Int {
  getenv("WARIFU_SOAK").map { $0.pointee == 0x31 } == true ? full : sample
}

/// CDBs of one operation code: half of them random octets, half made of what an attacker would try.
struct CDBGrammar {
  var random: SeededGenerator

  /// Addresses at the edges of the disc, of the fields, and those that wrap around to the factory record's offsets.
  static func addresses(_ geometry: UInt64, blockSize: UInt64, dataOffset: UInt64) -> [UInt64] {
    let toFactoryRecord = (0 &- dataOffset &+ 8192) / blockSize
    let asSigned32 = UInt64(UInt32(truncatingIfNeeded: toFactoryRecord))
    return [
      0, 1, 255, 256, geometry - 1, geometry, geometry + 1, 0x1F_FFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 32,
      1 << 55, .max, .max - 1, .max / blockSize, .max / blockSize + 1, toFactoryRecord, toFactoryRecord + 1, asSigned32,
    ]
  }

  mutating func cdb(_ code: UInt8, addresses: [UInt64]) -> [UInt8] {
    let length = [6, 10, 10, 6, 16, 12, 10, 12][Int(code >> 5)]
    var cdb = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
    cdb[0] = code
    guard Bool.random(using: &random) else {
      return Array(cdb.prefix(Int.random(in: 1...16, using: &random)))
    }
    for index in 1..<16 { cdb[index] = 0 }
    // Flags, byte checks, service actions.
    cdb[1] =
      [0, 0x01, 0x02, 0x08, 0x10, 0x11, 0x1F, UInt8.random(in: 0...31, using: &random)].randomElement(using: &random)
      ?? 0
    let address = addresses.randomElement(using: &random) ?? 0
    let count: UInt64 = [0, 1, 2, 3, 16, 255, 256, 0xFFFF, 0xFFFF_FFFF].randomElement(using: &random) ?? 1
    func put(_ value: UInt64, at offset: Int, width: Int) {
      for index in 0..<width {
        cdb[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * (width - 1 - index)))
      }
    }
    switch length {
    case 6:
      put(address & 0x1F_FFFF, at: 1, width: 3)
      put(count, at: 4, width: 1)
    case 10:
      put(address, at: 2, width: 4)
      put(count, at: 7, width: 2)
    case 12:
      put(address, at: 2, width: 4)
      put(count, at: 6, width: 4)
    default:
      put(address, at: 2, width: 8)
      put(count, at: 10, width: 4)
    }
    return Array(cdb.prefix(length))
  }
}
