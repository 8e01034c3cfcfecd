import DriveFirmware
import Octets
import SCSI

/// A magneto-optical disc in memory: costs what was written to it, and can be copied at any moment.
public final class MemoryDisc: RecordingSurface {
  /// The disc's layout.
  public let geometry: MediumGeometry
  /// Its factory record.
  public let factoryRecord: FactoryRecord
  /// Which blocks must not be written.
  public var protection: WriteProtection

  /// Whether all of it can be rewritten.
  public let profile = MediumProfile.rewritable
  /// Memory makes no difference.
  public var isCaching = true

  private var map: SectorMap
  private var blocks: [UInt64: [UInt8]] = [:]
  private var states: [UInt64: SectorState] = [:]

  /// A disc of zeros.
  public init(
    geometry: MediumGeometry, factoryRecord: FactoryRecord, protection: WriteProtection = WriteProtection()
  ) {
    self.geometry = geometry
    self.factoryRecord = factoryRecord
    self.protection = protection
    map = SectorMap(geometry)
  }

  /// Another disc, factory record and all, as this one is now: what no real disc can be.
  public func copy() -> MemoryDisc {
    let copy = MemoryDisc(geometry: geometry, factoryRecord: factoryRecord, protection: protection)
    copy.blocks = blocks
    copy.states = states
    copy.map = map
    return copy
  }

  /// Whether the tab on the shell forbids all writing.
  public var isWriteProtected: Bool { protection.isWhole }

  /// The first protected block.
  public func firstProtectedBlock(in range: BlockRange) -> UInt64? { protection.firstProtectedBlock(in: range) }

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

  /// Writes blocks, and counts them as verified.
  public func write(_ range: BlockRange, from data: RawSpan) throws(MediumError) {
    try record(range, from: data)
    try mark(range, as: .good)
  }

  /// Whether all blocks can be read.
  public func verify(_ range: BlockRange) throws(MediumError) {
    guard !states.isEmpty else { return }
    for block in numbers(range) {
      if let failure = state(of: block).failure(at: block) { throw failure }
    }
  }

  /// The defect lists.
  public var defects: DefectLists { map.lists }

  /// Moves a block to a spare sector.
  public func reassign(_ block: UInt64) throws(MediumError) {
    guard map.reassign(block) != nil else { throw .noSpareSector(block: block) }
    if case .unreadable = state(of: block).failure(at: block) { blocks[block] = nil }
    if state(of: block) != .erased { states[block] = nil }
  }

  /// Empties the disc.
  public func format(_ request: FormatRequest) throws(MediumError) {
    let primary = Set((request.keepsPrimaryDefects ? map.primary : []) + request.defectiveBlocks.map(map.sector(of:)))
    guard let formatted = map.formatted(primary: primary, grown: request.keepsGrownDefects ? Set(map.grown.keys) : [])
    else { throw .noSpareSector(block: 0) }
    map = formatted
    blocks = [:]
    states = [:]
    guard !request.pattern.isEmpty else { return }
    let block = (0..<Int(geometry.blockSize)).map { request.pattern[$0 % request.pattern.count] }
    for number in 0..<UInt64(geometry.blockCount) { blocks[number] = block }
  }

  /// Nothing goes wrong in memory.
  public func takeRecovery() -> MediumRecovery? { nil }

  /// Memory lasts as long as it lasts.
  public func synchronize() {}

  /// What the last pass over a user sector left behind.
  public func state(of block: UInt64) -> SectorState { states[block] ?? .good }

  /// The erase pass.
  public func erase(_ range: BlockRange) throws(MediumError) {
    for block in numbers(range) { blocks[block] = nil }
    try mark(range, as: .erased)
  }

  /// The write pass.
  public func record(_ range: BlockRange, from data: RawSpan) throws(MediumError) {
    let blockSize = Int(geometry.blockSize)
    for (index, block) in numbers(range).enumerated() {
      blocks[block] = data.extracting((index * blockSize)..<((index + 1) * blockSize)).octets
    }
    try mark(range, as: .unverified)
  }

  /// Changes what counts as the last pass.
  public func mark(_ range: BlockRange, as state: SectorState) throws(MediumError) {
    for block in numbers(range) { states[block] = state == .good ? nil : state }
  }

  private func numbers(_ range: BlockRange) -> Range<UInt64> { range.first..<(range.first + UInt64(range.count)) }
}
