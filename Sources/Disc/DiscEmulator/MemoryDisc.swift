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

  private var blocks: [UInt64: [UInt8]] = [:]
  private var states: [UInt64: SectorState] = [:]

  /// A disc of zeros.
  public init(
    geometry: MediumGeometry, factoryRecord: FactoryRecord, protection: WriteProtection = WriteProtection()
  ) {
    self.geometry = geometry
    self.factoryRecord = factoryRecord
    self.protection = protection
  }

  /// Another disc, factory record and all, as this one is now: what no real disc can be.
  public func copy() -> MemoryDisc {
    let copy = MemoryDisc(geometry: geometry, factoryRecord: factoryRecord, protection: protection)
    copy.blocks = blocks
    copy.states = states
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
