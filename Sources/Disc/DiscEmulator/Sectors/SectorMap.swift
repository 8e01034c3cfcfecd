import DriveFirmware
import SCSI

/// On which sector each block lies.
///
/// Sectors of the primary list are slipped: the blocks behind one lie a sector further on, into the spares of their band. A
/// sector of the grown list is replaced by a spare, taken from the end of the band, or of the nearest with one left.
///
/// The blocks' octets lie in an image by their addresses for ever. What moves is the sector: its state, and the time that
/// the head takes to reach it.
struct SectorMap: Hashable, Sendable {
  let geometry: MediumGeometry
  private let bands: [MediumBand]
  /// Defective sectors of the primary list, ascending.
  private(set) var primary: [UInt32] = []
  /// Defective sectors of the grown list, with the spares that hold their blocks.
  private(set) var grown: [UInt32: UInt32] = [:]
  /// Spares that hold blocks, or did before they were replaced themselves.
  private var usedSpares: Set<UInt32> = []

  /// A medium without defects.
  init(_ geometry: MediumGeometry) {
    self.geometry = geometry
    bands = geometry.bands
  }

  /// A medium with defect lists that were read; `nil` if they cannot be those of such a medium.
  init?(_ geometry: MediumGeometry, primary: [UInt32], grown: [(sector: UInt32, spare: UInt32)]) {
    self.init(geometry)
    guard zip(primary, primary.dropFirst()).allSatisfy({ $0 < $1 }),
      (primary.last ?? 0) < geometry.sectorCount
    else { return nil }
    self.primary = primary
    for band in bands where slipped(in: band).count > Int(band.spareCount) { return nil }
    var homes: [UInt32: Int] = [:]
    for (sector, spare) in grown {
      guard sector < geometry.sectorCount, spare < geometry.sectorCount, self.grown[sector] == nil,
        block(at: spare) == nil, !isSlipped(spare), !isSlipped(sector)
      else { return nil }
      self.grown[sector] = spare
      if block(at: sector) != nil { homes[spare, default: 0] += 1 }
    }
    // Each spare in use holds one block, and is not defective itself.
    for spare in self.grown.values where homes[spare] != 1 || self.grown[spare] != nil { return nil }
    usedSpares = Set(self.grown.values).union(self.grown.keys.filter { block(at: $0) == nil })
  }

  // MARK: Looking up

  /// The sector on which a block lies.
  func sector(of block: UInt64) -> UInt32 {
    let home = homeSector(of: block)
    return grown[home] ?? home
  }

  /// The sector on which a block lay when the medium was formatted.
  func homeSector(of block: UInt64) -> UInt32 {
    let band = bands[bandIndex(ofBlock: block)]
    var sector = band.firstSector + UInt32(truncatingIfNeeded: block - band.firstBlock)
    for defect in primary[slipped(in: band)] {
      guard defect <= sector else { break }
      sector += 1
    }
    return sector
  }

  /// The block that lay on a sector when the medium was formatted; `nil` for spares and slipped sectors.
  func block(at sector: UInt32) -> UInt64? {
    let band = bands[bandIndex(ofSector: sector)]
    var offset = sector - band.firstSector
    for defect in primary[slipped(in: band)] {
      guard defect < sector else {
        if defect == sector { return nil }
        break
      }
      offset -= 1
    }
    return offset < band.blockCount ? band.firstBlock + UInt64(offset) : nil
  }

  /// Whether every block lies where it lay when the disc was made.
  var isPlain: Bool { primary.isEmpty && grown.isEmpty }

  /// The blocks of `range` that lie on sectors on which `original` lay when the disc was made.
  func blocks(of range: BlockRange, lyingOn original: ClosedRange<UInt64>) -> [UInt64] {
    guard range.count > 0 else { return [] }
    let blocks = range.first...(range.first + UInt64(range.count) - 1)
    guard isPlain else { return blocks.filter { original.contains(UInt64(index(of: sector(of: $0)))) } }
    return blocks.overlaps(original) ? Array(blocks.clamped(to: original)) : []
  }

  /// The sectors on which blocks lie, in runs of consecutive ones, in the order of the blocks.
  func sectors(of range: BlockRange) -> [Range<UInt32>] {
    guard range.count > 0 else { return [] }
    let blocks = range.first..<(range.first + UInt64(range.count))
    if isPlain {
      return bands.compactMap { band in
        let part = blocks.clamped(to: band.firstBlock..<(band.firstBlock + UInt64(band.blockCount)))
        return part.isEmpty ? nil : sector(of: part.lowerBound)..<(sector(of: part.upperBound - 1) + 1)
      }
    }
    var runs: [Range<UInt32>] = []
    for sector in blocks.lazy.map(sector(of:)) {
      if let last = runs.last, last.upperBound == sector {
        runs[runs.count - 1] = last.lowerBound..<(sector + 1)
      } else {
        runs.append(sector..<(sector + 1))
      }
    }
    return runs
  }

  /// The places in the image's tables of the sectors on which `range` lies, in runs, in the order of the blocks.
  func runs(of range: BlockRange) -> [Range<Int>] {
    guard range.count > 0 else { return [] }
    let blocks = range.first..<(range.first + UInt64(range.count))
    if isPlain { return [Int(blocks.lowerBound)..<Int(blocks.upperBound)] }
    var runs: [Range<Int>] = []
    for block in blocks {
      let index = index(of: sector(of: block))
      if let last = runs.last, last.upperBound == index {
        runs[runs.count - 1] = last.lowerBound..<(index + 1)
      } else {
        runs.append(index..<(index + 1))
      }
    }
    return runs
  }

  /// Where a sector stands in the image's tables, which have all user sectors before all spares.
  func index(of sector: UInt32) -> Int {
    let index = bandIndex(ofSector: sector)
    let band = bands[index]
    let offset = sector - band.firstSector
    guard offset >= band.blockCount else { return Int(band.firstBlock) + Int(offset) }
    return Int(geometry.blockCount) + Int(band.firstSector) - Int(band.firstBlock) + Int(offset - band.blockCount)
  }

  private func bandIndex(ofBlock block: UInt64) -> Int {
    bands.lastIndex { $0.firstBlock <= block } ?? 0
  }

  private func bandIndex(ofSector sector: UInt32) -> Int {
    bands.lastIndex { $0.firstSector <= sector } ?? 0
  }

  /// Where the slipped sectors of one band stand in the primary list.
  private func slipped(in band: MediumBand) -> Range<Int> {
    guard !primary.isEmpty else { return 0..<0 }
    return lowerBound(band.firstSector)..<lowerBound(band.endSector)
  }

  /// The first entry of the primary list that is not below `sector`.
  private func lowerBound(_ sector: UInt32) -> Int {
    var (low, high) = (0, primary.count)
    while low < high {
      let middle = (low + high) / 2
      if primary[middle] < sector { low = middle + 1 } else { high = middle }
    }
    return low
  }

  // MARK: Replacing

  /// Spare sectors that neither slipped blocks nor replaced ones lie on.
  var freeSpares: UInt32 { geometry.spareCount - UInt32(clamping: primary.count + usedSpares.count) }

  /// Puts a block on a spare sector, and its sector on the grown list; `nil` if there is no spare left.
  mutating func reassign(_ block: UInt64) -> UInt32? {
    guard let spare = freeSpare(near: bandIndex(ofBlock: block)) else { return nil }
    let home = homeSector(of: block)
    if let current = grown[home] {
      for (sector, replacement) in grown where replacement == current { grown[sector] = spare }
      grown[current] = spare
    }
    grown[home] = spare
    usedSpares.insert(spare)
    return spare
  }

  /// The last free spare of the band, or of the nearest one that has any.
  private func freeSpare(near index: Int) -> UInt32? {
    let order = bands.indices.sorted { (abs($0 - index), $0) < (abs($1 - index), $1) }
    for band in order.map({ bands[$0] }) where band.blockCount > 0 {
      let end = homeSector(of: band.firstBlock + UInt64(band.blockCount) - 1) + 1
      for sector in (end..<max(end, band.endSector)).reversed()
      where !usedSpares.contains(sector) && !isSlipped(sector) {
        return sector
      }
    }
    return nil
  }

  private func isSlipped(_ sector: UInt32) -> Bool {
    let position = lowerBound(sector)
    return position < primary.count && primary[position] == sector
  }

  // MARK: Formatting

  /// The map after formatting with these defects; `nil` if a band has fewer spares than defects.
  ///
  /// - Parameters:
  ///   - primary: sectors to slip.
  ///   - grown: sectors to replace, if they are not slipped.
  func formatted(primary: Set<UInt32>, grown: Set<UInt32>) -> SectorMap? {
    var map = SectorMap(geometry)
    var (slipped, replaced) = (primary, grown.subtracting(primary))
    while true {
      map.primary = slipped.sorted()
      for band in bands where map.slipped(in: band).count > Int(band.spareCount) { return nil }
      // A defective spare holds no block that could be replaced.
      let spares = replaced.filter { map.block(at: $0) == nil }
      if spares.isEmpty { break }
      slipped.formUnion(spares)
      replaced.subtract(spares)
    }
    for block in replaced.sorted().compactMap({ map.block(at: $0) }) {
      guard map.reassign(block) != nil else { return nil }
    }
    return map
  }

  /// What READ DEFECT DATA tells.
  var lists: DefectLists {
    let plain = SectorMap(geometry)
    var blocks: [UInt32: UInt64] = [:]
    for (sector, replacement) in grown { if let block = block(at: sector) { blocks[replacement] = block } }
    return DefectLists(
      primary: primary.map { DefectLists.Entry(sector: $0, block: plain.block(at: $0)) },
      grown: grown.sorted { $0.key < $1.key }.map {
        DefectLists.Entry(sector: $0.key, block: blocks[$0.value], replacement: $0.value)
      }, freeSpares: freeSpares)
  }
}
