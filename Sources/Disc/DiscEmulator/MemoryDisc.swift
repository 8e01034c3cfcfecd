import DriveFirmware
import Octets
import SCSI

/// A magneto-optical disc in memory: costs what was written to it, and can be copied at any moment.
public final class MemoryDisc: RecordingSurface {
  /// The disc's layout.
  public let geometry: MediumGeometry
  /// Its factory record.
  public let factoryRecord: FactoryRecord
  /// Which blocks must not be written, beside the embossed ones.
  public var protection: WriteProtection
  /// The blocks that can only be read, of a disc with an embossed part; the first shows the medium id.
  public let embossed: BlockRange?
  /// Whether a write may be lasting only after SYNCHRONIZE CACHE; memory itself makes no difference.
  public var isCaching = true

  private let sectors: SectorTable
  private var blocks: [UInt64: [UInt8]] = [:]

  /// A disc of zeros; with an embossed part, that shows the medium id.
  public init(
    geometry: MediumGeometry, factoryRecord: FactoryRecord, protection: WriteProtection = WriteProtection(),
    profile: MediumProfile = .rewritable
  ) {
    self.geometry = geometry
    self.factoryRecord = factoryRecord
    self.protection = protection
    sectors = SectorTable(SectorTableContent(SectorMap(geometry)))
    let embossing = profile == .partlyEmbossed ? Embossing(geometry, factoryRecord) : nil
    embossed = embossing?.range
    if let embossing { blocks[embossing.range.first] = embossing.octets }
  }

  private init(copying disc: MemoryDisc) {
    geometry = disc.geometry
    factoryRecord = disc.factoryRecord
    protection = disc.protection
    embossed = disc.embossed
    isCaching = disc.isCaching
    sectors = disc.sectors.copy()
    blocks = disc.blocks
  }

  /// Another disc, factory record and all, as this one is now: what no real disc can be.
  public func copy() -> MemoryDisc { MemoryDisc(copying: self) }

  /// Whether all of it can be rewritten.
  public var profile: MediumProfile { embossed == nil ? .rewritable : .partlyEmbossed }

  /// Whether the tab on the shell forbids all writing.
  public var isWriteProtected: Bool { protection.isWhole }

  /// The first protected block.
  public func firstProtectedBlock(in range: BlockRange) -> UInt64? {
    var protection = protection
    if let embossed { protection.ranges.append(embossed) }
    return protection.firstProtectedBlock(in: range)
  }

  // MARK: Blocks

  /// Reads blocks.
  public func read(_ range: BlockRange, into buffer: inout MutableRawSpan) throws(MediumError) {
    try verify(range)
    let blockSize = Int(geometry.blockSize)
    buffer.withUnsafeMutableBytes { target in
      for (index, block) in numbers(range).enumerated() {
        let part = UnsafeMutableRawBufferPointer(rebasing: target[(index * blockSize)..<((index + 1) * blockSize)])
        if let octets = blocks[block] {
          part.copyBytes(from: octets)
        } else {
          part.initializeMemory(as: UInt8.self, repeating: 0)
        }
      }
    }
  }

  /// Writes blocks, and verifies them.
  public func write(_ range: BlockRange, from data: RawSpan) throws(MediumError) {
    let written = try putWritable(range, data)
    try confirm(written)
    try refuse(range, after: written)
  }

  /// Whether all blocks can be read.
  public func verify(_ range: BlockRange) throws(MediumError) {
    if !sectors.isQuiet { try sectors.change { (content) throws(MediumError) in try content.read(range) } }
  }

  /// Erases blocks.
  public func erase(_ range: BlockRange) throws(MediumError) {
    try sectors.change { (content) throws(MediumError) in try content.requireFormat() }
    try clear(range)
  }

  /// Memory lasts as long as it lasts.
  public func synchronize() {}

  /// What was put right without an error since the last time somebody asked.
  public func takeRecovery() -> MediumRecovery? {
    sectors.isQuiet ? nil : sectors.change { $0.takeRecovery() }
  }

  // MARK: Defects

  /// The sectors that are not used, and how many spares are left.
  public var defects: DefectLists { sectors.look { $0.lists } }

  /// Lets sectors go bad by plan, from now on; what an earlier plan said is forgotten.
  public func plan(_ faults: MediumFaults) { sectors.change { $0.plan(faults) } }

  /// Moves a block to a spare sector.
  public func reassign(_ block: UInt64) throws(MediumError) {
    let canKeep = sectors.look { $0.canKeep(block) }
    try change { (content) throws(SectorFailure) in try content.reassign(block) }
    if !canKeep { blocks[block] = nil }
  }

  /// Formats the disc.
  public func format(_ request: FormatRequest) throws(MediumError) {
    guard firstProtectedBlock(in: BlockRange(first: 0, count: geometry.blockCount)) == nil else { throw .failure }
    try change { (content) throws(SectorFailure) in
      let formatted = try content.formatted(request)
      try content.clear()
      try content.endFormatting(as: formatted)
    }
    blocks = [:]
    guard !request.pattern.isEmpty else { return }
    let block = (0..<Int(geometry.blockSize)).map { request.pattern[$0 % request.pattern.count] }
    for number in 0..<UInt64(geometry.blockCount) { blocks[number] = block }
  }

  /// The first step of formatting.
  public func beginFormatting(_ request: FormatRequest) throws(MediumError) {
    try change { (content) throws(SectorFailure) in
      _ = try content.formatted(request)
      try content.beginFormatting()
    }
  }

  // MARK: Passes

  /// What the last pass over the sector of a block left behind.
  public func state(of block: UInt64) -> SectorState { sectors.look { $0.state(of: block) } }

  /// The sectors on which blocks lie.
  public func sectors(of range: BlockRange) -> [Range<UInt32>] { sectors.look { $0.map.sectors(of: range) } }

  /// The erase pass.
  public func clear(_ range: BlockRange) throws(MediumError) {
    for block in numbers(range) { blocks[block] = nil }
    try mark(range, as: .erased)
  }

  /// The write pass.
  public func record(_ range: BlockRange, from data: RawSpan) throws(MediumError) {
    let written = try putWritable(range, data)
    try mark(written, as: .unverified)
    try refuse(range, after: written)
  }

  /// The verify pass.
  public func confirm(_ range: BlockRange) throws(MediumError) {
    try change { (content) throws(SectorFailure) in try content.confirm(range) }
  }

  /// Changes what counts as the last pass.
  public func mark(_ range: BlockRange, as state: SectorState) throws(MediumError) {
    try change { (content) throws(SectorFailure) in try content.mark(range, as: state) }
  }

  private func putWritable(_ range: BlockRange, _ data: RawSpan) throws(MediumError) -> BlockRange {
    let blockSize = Int(geometry.blockSize)
    let count = try sectors.change { (content) throws(MediumError) in try content.write(range) }
    let written = BlockRange(first: range.first, count: count)
    for (index, block) in numbers(written).enumerated() {
      blocks[block] = data.extracting((index * blockSize)..<((index + 1) * blockSize)).octets
    }
    return written
  }

  /// Fails if not all blocks were written: what is in the next one is then neither old nor new.
  private func refuse(_ range: BlockRange, after written: BlockRange) throws(MediumError) {
    guard written.count < range.count else { return }
    let block = range.first + UInt64(written.count)
    try mark(BlockRange(first: block, count: 1), as: .halfWritten)
    throw .notWritten(block: block)
  }

  private func change(_ body: (inout SectorTableContent) throws(SectorFailure) -> Void) throws(MediumError) {
    do throws(SectorFailure) {
      try sectors.change(body)
    } catch {
      guard case .medium(let error) = error else { throw .failure }
      throw error
    }
  }

  private func numbers(_ range: BlockRange) -> Range<UInt64> { range.first..<(range.first + UInt64(range.count)) }
}
