/// How a magneto-optical medium is laid out, as its standard says.
public struct MediumGeometry: Hashable, Sendable {
  /// The name people know it by, in megabytes as printed on the shell: 128 to 2300.
  public let nominalMegabytes: UInt32
  /// Octets in a sector, which is also a logical block.
  public let blockSize: UInt32
  /// Blocks that an initiator can address.
  public let blockCount: UInt32
  /// Bands of tracks with one recording frequency each.
  public let bandCount: UInt32
  /// Spare sectors behind the user blocks, for replacing defective ones.
  public let spareCount: UInt32
  /// Sectors in a logical track; a drive makes its passes track by track.
  public let sectorsPerTrack: UInt32

  /// User octets in one revolution, on average over all tracks.
  public let meanOctetsPerRevolution: UInt32

  /// A 3.5" medium: 25 sectors of 512 octets or 17 of 2048 to the logical track.
  private init(
    _ megabytes: UInt32, blockSize: UInt32, blocks: UInt32, bands: UInt32, spares: UInt32, octetsPerRevolution: UInt32
  ) {
    nominalMegabytes = megabytes
    self.blockSize = blockSize
    blockCount = blocks
    bandCount = bands
    spareCount = spares
    sectorsPerTrack = blockSize == 512 ? 25 : 17
    meanOctetsPerRevolution = octetsPerRevolution
  }

  /// ISO/IEC 10090, ECMA-154.
  public static let mb128 = MediumGeometry(
    128, blockSize: 512, blocks: 248_826, bands: 1, spares: 1_024, octetsPerRevolution: 12_740)
  /// ISO/IEC 13963, ECMA-201.
  public static let mb230 = MediumGeometry(
    230, blockSize: 512, blocks: 446_325, bands: 10, spares: 1_025, octetsPerRevolution: 19_871)
  /// ISO/IEC 15041, 512-octet sectors.
  public static let mb540 = MediumGeometry(
    540, blockSize: 512, blocks: 1_041_500, bands: 18, spares: 2_250, octetsPerRevolution: 33_965)
  /// ISO/IEC 15041, 2048-octet sectors.
  public static let mb640 = MediumGeometry(
    640, blockSize: 2048, blocks: 310_352, bands: 11, spares: 2_244, octetsPerRevolution: 40_464)
  /// ISO/IEC 17346, ECMA-351.
  public static let gb1_3 = MediumGeometry(
    1300, blockSize: 2048, blocks: 605_846, bands: 18, spares: 4_437, octetsPerRevolution: 64_362)
  /// ISO/IEC 22533, ECMA-353.
  public static let gb2_3 = MediumGeometry(
    2300, blockSize: 2048, blocks: 1_063_146, bands: 12, spares: 10_098, octetsPerRevolution: 77_623)

  /// All of them, the smallest first.
  public static let all = [mb128, mb230, mb540, mb640, gb1_3, gb2_3]

  /// Octets that an initiator can address.
  public var userOctets: UInt64 { UInt64(blockCount) * UInt64(blockSize) }

  /// User sectors and spares together.
  public var sectorCount: UInt32 { blockCount + spareCount }
}
