import Octets

/// How many blocks a medium has, and how large they are: the answer of READ CAPACITY (SBC-3, 5.16 and 5.17).
public struct Capacity: Hashable, Sendable {
  /// Octets in the answer of READ CAPACITY (10).
  public static let shortOctetCount = 8
  /// Octets in the answer of READ CAPACITY (16).
  public static let longOctetCount = 32

  /// Number of blocks, at least 1.
  public var blockCount: UInt64
  /// Octets in a block.
  public var blockSize: UInt32

  /// A capacity.
  public init(blockCount: UInt64, blockSize: UInt32) {
    self.blockCount = blockCount
    self.blockSize = blockSize
  }

  /// Reads the answer of READ CAPACITY (10); `nil` if the medium is too large for it and (16) must be asked.
  public static func parse(short bytes: RawSpan) throws(OctetError) -> Capacity? {
    var reader = OctetReader(bytes)
    let last = try reader.u32()
    let size = try reader.u32()
    guard size > 0 else { throw .invalid }
    return last == UInt32.max ? nil : Capacity(blockCount: UInt64(last) + 1, blockSize: size)
  }

  /// Reads the answer of READ CAPACITY (16); its first 12 octets must be there.
  public init(parsingLong bytes: RawSpan) throws(OctetError) {
    var reader = OctetReader(bytes)
    let last = try reader.u64()
    let size = try reader.u32()
    guard last < UInt64.max, size > 0 else { throw .invalid }
    self.init(blockCount: last + 1, blockSize: size)
  }

  /// Appends the answer of READ CAPACITY (10).
  public func append(shortTo buffer: OctetBuffer) throws(OctetError) {
    try buffer.append(UInt32(clamping: lastBlock))
    try buffer.append(blockSize)
  }

  /// Appends the answer of READ CAPACITY (16).
  public func append(longTo buffer: OctetBuffer) throws(OctetError) {
    try buffer.append(lastBlock)
    try buffer.append(blockSize)
    try buffer.append(repeating: 0, count: Capacity.longOctetCount - 12)
  }

  private var lastBlock: UInt64 { blockCount > 0 ? blockCount - 1 : 0 }
}
