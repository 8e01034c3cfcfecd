/// A band of tracks recorded with one frequency, so with as many sectors to each revolution.
///
/// In a band the user sectors come first, then its spares. Tracks are counted here in revolutions of the spiral.
public struct MediumBand: Hashable, Sendable {
  /// The first block that lies in it, if no sector is defective.
  public let firstBlock: UInt64
  /// Blocks that lie in it.
  public let blockCount: UInt32
  /// The number of its first sector.
  public let firstSector: UInt32
  /// Spare sectors behind the blocks.
  public let spareCount: UInt32
  /// The number of its first track, in revolutions from the beginning of the spiral.
  public let firstTrack: UInt32
  /// Sectors in one revolution.
  public let sectorsPerRevolution: UInt32

  /// User sectors and spares together.
  public var sectorCount: UInt32 { blockCount + spareCount }

  /// Behind its last sector.
  public var endSector: UInt32 { firstSector + sectorCount }

  /// Its first spare sector.
  public var firstSpare: UInt32 { firstSector + blockCount }

  /// Revolutions that its sectors take, the last one perhaps not whole.
  public var trackCount: UInt32 { (sectorCount + sectorsPerRevolution - 1) / sectorsPerRevolution }
}

extension MediumGeometry {
  /// The bands, the outermost first, as block 0 lies outside.
  ///
  /// The standards' tables are not at hand, so the bands are made by what is known of the real ones: all have the same
  /// number of tracks; a sector takes the same length everywhere, so that the sectors in a revolution grow with the
  /// radius, from 23.7 mm to 41.0 mm; their mean is the medium's; the spares are spread evenly.
  public var bands: [MediumBand] {
    let sectorsPerRevolution = (0..<bandCount).map { self.sectorsPerRevolution(inBand: $0) }
    let sum = sectorsPerRevolution.reduce(UInt64(0)) { $0 + UInt64($1) }
    var bands: [MediumBand] = []
    var before: UInt64 = 0
    var firstBlock: UInt64 = 0
    var firstSector: UInt32 = 0
    var firstTrack: UInt32 = 0
    for (index, sectors) in sectorsPerRevolution.enumerated() {
      before += UInt64(sectors)
      let isLast = index == sectorsPerRevolution.count - 1
      let track = UInt64(sectorsPerTrack)
      let end = isLast ? UInt64(blockCount) : UInt64(blockCount) * before / sum / track * track
      let spares = spareCount * UInt32(index + 1) / bandCount - spareCount * UInt32(index) / bandCount
      let band = MediumBand(
        firstBlock: firstBlock, blockCount: UInt32(end - firstBlock), firstSector: firstSector, spareCount: spares,
        firstTrack: firstTrack, sectorsPerRevolution: sectors)
      bands.append(band)
      firstBlock = end
      firstSector = band.endSector
      firstTrack += band.trackCount
    }
    return bands
  }

  /// The mean weighted with the radius in the middle of the band, in thousandths of the mean radius, and rounded.
  private func sectorsPerRevolution(inBand index: UInt32) -> UInt32 {
    let fromInside = 2 * (bandCount - 1 - index) + 1
    let weight = 733 + 534 * fromInside / (2 * bandCount)
    return (meanOctetsPerRevolution * weight + blockSize * 500) / (blockSize * 1000)
  }
}
