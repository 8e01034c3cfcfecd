import DriveFirmware
import SCSI

/// The inside of a ``SectorTable``.
struct SectorTableContent: Sendable {
  private(set) var map: SectorMap
  /// Whether formatting has begun and not ended: no block can be used.
  private(set) var isFormatting: Bool
  /// How often the defect lists were written.
  private var generation: UInt64
  /// One octet for each sector, all user sectors before all spares; empty while all are good.
  private var states: [UInt8]
  /// Sectors that are anything but good.
  private var abnormalCount: Int
  private var faults = FaultSchedule()
  private var recovery: MediumRecovery?
  private let store: (any SectorStore)?

  /// What was read from an image, or a disc without a store, on which all is good.
  init(
    _ map: SectorMap, isFormatting: Bool = false, generation: UInt64 = 1, states: [UInt8] = [], abnormalCount: Int = 0,
    in store: (any SectorStore)? = nil
  ) {
    self.map = map
    self.isFormatting = isFormatting
    self.generation = generation
    self.states = abnormalCount == 0 ? [] : states
    self.abnormalCount = abnormalCount
    self.store = store
  }

  /// How many reasons there are to look before reading or writing.
  var reasons: Int { abnormalCount + (isFormatting ? 1 : 0) + (faults.isEmpty ? 0 : 1) }

  /// What READ DEFECT DATA tells.
  var lists: DefectLists {
    var lists = map.lists
    lists.freeSpares = faults.usableSpares(map)
    lists.generation = generation
    return lists
  }

  /// Replaces what is planned to go wrong.
  mutating func plan(_ plan: MediumFaults) {
    faults = FaultSchedule(plan)
    recovery = nil
  }

  /// Hands over what was recovered from.
  mutating func takeRecovery() -> MediumRecovery? {
    defer { recovery = nil }
    return recovery
  }

  // MARK: Reading and writing

  /// The state of the sector on which a block lies.
  func state(of block: UInt64) -> SectorState {
    states.isEmpty ? .good : state(at: map.index(of: map.sector(of: block)))
  }

  private func state(at index: Int) -> SectorState {
    guard states.indices.contains(index) else { return .good }
    return SectorState(rawValue: states[index]) ?? .good
  }

  /// Throws what reading blocks fails with, if it does.
  mutating func read(_ range: BlockRange) throws(MediumError) {
    try requireFormat()
    let failure = firstFailure(in: range)
    let struck = faults.isEmpty ? (nil, nil) : faults.read(range, map)
    if let block = struck.0, block < failure?.block ?? .max { throw .unreadable(block: block) }
    if let failure { throw failure.error }
    if let block = struck.1 { recovery = .correctedRead(block: block) }
  }

  private func firstFailure(in range: BlockRange) -> (block: UInt64, error: MediumError)? {
    guard abnormalCount > 0 else { return nil }
    var block = range.first
    for run in map.runs(of: range) {
      for index in run {
        if states[index] != SectorState.good.rawValue, let error = state(at: index).failure(at: block) {
          return (block, error)
        }
        block += 1
      }
    }
    return nil
  }

  /// How many of the blocks can be written, before the first that cannot.
  mutating func write(_ range: BlockRange) throws(MediumError) -> UInt32 {
    try requireFormat()
    guard !faults.isEmpty, let block = faults.write(range, map) else { return range.count }
    return UInt32(truncatingIfNeeded: block - range.first)
  }

  /// Throws if the format is corrupted.
  func requireFormat() throws(MediumError) {
    if isFormatting { throw .formatCorrupted }
  }

  /// The verify pass: blocks that do not verify move to spare sectors, all others count as good.
  mutating func confirm(_ range: BlockRange) throws(SectorFailure) {
    try keep(range, as: .good)
    guard !faults.isEmpty else { return }
    let failed = faults.verifyWritten(range, map).sorted()
    guard !failed.isEmpty else { return }
    var moved = map
    var last: UInt64?
    for block in failed {
      guard faults.usableSpares(moved) > 0, moved.reassign(block) != nil else { break }
      last = block
    }
    if let last {
      try keep(moved)
      recovery = .reallocatedWrite(block: last)
    }
    let lost = last.map { last in failed.drop { $0 <= last } } ?? failed[...]
    for block in lost { try keep(BlockRange(first: block, count: 1), as: .halfWritten) }
    if let first = lost.first { throw .medium(.noSpareSector(block: first)) }
  }

  /// Changes what counts as the last pass over the sectors on which blocks lie.
  mutating func mark(_ range: BlockRange, as state: SectorState) throws(SectorFailure) { try keep(range, as: state) }

  // MARK: Defects

  /// Whether a block's content can be kept when it moves to another sector.
  func canKeep(_ block: UInt64) -> Bool {
    if case .unreadable = state(of: block).failure(at: block) { return false }
    return !faults.isUnreadable(block, map)
  }

  /// Puts a block on a spare sector, where it is erased if it was, else good.
  mutating func reassign(_ block: UInt64) throws(SectorFailure) {
    if isFormatting { throw .medium(.formatCorrupted) }
    let state: SectorState = state(of: block) == .erased ? .erased : .good
    let range = BlockRange(first: block, count: 1)
    var moved = map
    guard faults.usableSpares(map) > 0, moved.reassign(block) != nil else {
      throw .medium(.noSpareSector(block: block))
    }
    let defective = map.runs(of: range)
    try keep(moved.runs(of: range), as: state)
    try keep(moved)
    // Nobody will look at the defective sector again: it is no reason to look.
    try keep(defective, as: .good)
  }

  /// The map after formatting as asked.
  func formatted(_ request: FormatRequest) throws(SectorFailure) -> SectorMap {
    let plain = SectorMap(map.geometry)
    let known = request.defectiveBlocks.filter { $0 < UInt64(map.geometry.blockCount) }.map(map.sector(of:))
    let found = request.certifies ? faults.certified(map.geometry).map(plain.sector(of:)) : []
    let primary = Set(known + found + (request.keepsPrimaryDefects ? map.primary : []))
    let grown = request.keepsGrownDefects ? Set(map.grown.keys) : []
    guard let formatted = map.formatted(primary: primary, grown: grown),
      map.geometry.spareCount - formatted.freeSpares <= faults.spareLimit(map.geometry)
    else { throw .medium(.noSpareSector(block: primary.min().flatMap(plain.block(at:)) ?? 0)) }
    return formatted
  }

  /// Formatting begins: until it has ended, no block can be used.
  mutating func beginFormatting() throws(SectorFailure) {
    guard !isFormatting else { return }
    try keep(map, isFormatting: true)
  }

  /// All sectors become good, whatever they were.
  mutating func clear() throws(SectorFailure) {
    if abnormalCount > 0 { try store?.keep([UInt8](repeating: 0, count: states.count), at: 0) }
    states = []
    abnormalCount = 0
  }

  /// Formatting has ended.
  mutating func endFormatting(as formatted: SectorMap) throws(SectorFailure) {
    try keep(formatted, isFormatting: false)
  }

  // MARK: Keeping

  private mutating func keep(_ moved: SectorMap, isFormatting: Bool = false) throws(SectorFailure) {
    try store?.keep(moved, isFormatting: isFormatting)
    map = moved
    self.isFormatting = isFormatting
    generation &+= 1
  }

  private mutating func keep(_ range: BlockRange, as state: SectorState) throws(SectorFailure) {
    if abnormalCount == 0, state == .good { return }
    try keep(map.runs(of: range), as: state)
  }

  /// Gives sectors a state, in the store first, and there only where it is another.
  private mutating func keep(_ runs: [Range<Int>], as state: SectorState) throws(SectorFailure) {
    if abnormalCount == 0 {
      if state == .good { return }
      states = [UInt8](repeating: 0, count: Int(map.geometry.sectorCount))
    }
    for run in runs {
      guard states[run].contains(where: { $0 != state.rawValue }) else { continue }
      try store?.keep([UInt8](repeating: state.rawValue, count: run.count), at: run.lowerBound)
      for index in run {
        abnormalCount += (state == .good ? 0 : 1) - (states[index] == 0 ? 0 : 1)
        states[index] = state.rawValue
      }
    }
  }
}

extension SectorStore {
  fileprivate func keep(_ states: [UInt8], at index: Int) throws(SectorFailure) {
    do throws(SyscallFailure) { try write(states: states, at: index) } catch { throw .host(error) }
  }

  fileprivate func keep(_ map: SectorMap, isFormatting: Bool) throws(SectorFailure) {
    do throws(SyscallFailure) { try write(map, isFormatting: isFormatting) } catch { throw .host(error) }
  }
}
