import DriveFirmware
import SCSI

/// A medium on which power may fail between, and within, any two passes over any sector.
///
/// A magneto-optical drive erases a track, writes it and verifies it, each in one turn. Here a write to n sectors takes
/// 4 × n steps, track by track: the erase pass, sector by sector; the write pass, with a step to the middle and one to
/// the end of each sector; the verify pass, sector by sector. Power fails after any number of steps.
///
/// With a ``RecordingJournal`` every step of a whole run can be gone back to afterwards, also with the
/// writes that no SYNCHRONIZE CACHE had made lasting in another order.
public final class PassMedium: Medium {
  /// Steps for each sector written.
  public static let stepsPerSector = 4

  /// What the passes are made over.
  public let surface: any RecordingSurface

  /// Steps made so far.
  public private(set) var stepCount = 0

  /// Whether there is power; without it every operation fails.
  public private(set) var hasPower = true

  /// What was written and synchronised so far, if it is kept.
  public private(set) var journal: RecordingJournal?

  private var lastStep: Int?

  /// A medium over a surface; with `isJournaling` it keeps what is written.
  public init(_ surface: any RecordingSurface, isJournaling: Bool = false) {
    self.surface = surface
    if isJournaling { journal = RecordingJournal() }
  }

  /// Lets power fail when `steps` more steps have been made.
  public func cutPower(after steps: Int) { lastStep = stepCount + max(steps, 0) }

  /// Power is back, and stays.
  public func restorePower() {
    hasPower = true
    lastStep = nil
  }

  /// The surface's layout.
  public var geometry: MediumGeometry { surface.geometry }
  /// The surface's profile.
  public var profile: MediumProfile { surface.profile }
  /// The surface's defect lists.
  public var defects: DefectLists { surface.defects }
  /// The surface's write cache.
  public var isCaching: Bool {
    get { surface.isCaching }
    set { surface.isCaching = newValue }
  }
  /// The surface's factory record.
  public var factoryRecord: FactoryRecord { surface.factoryRecord }
  /// Whether the surface is write protected.
  public var isWriteProtected: Bool { surface.isWriteProtected }
  /// The first protected block of the surface.
  public func firstProtectedBlock(in range: BlockRange) -> UInt64? { surface.firstProtectedBlock(in: range) }

  /// Reads; costs no step.
  public func read(_ range: BlockRange, into buffer: inout MutableRawSpan) throws(MediumError) {
    try requirePower()
    try surface.read(range, into: &buffer)
  }

  /// Makes the three passes over each track of the range.
  public func write(_ range: BlockRange, from data: RawSpan) throws(MediumError) {
    try requirePower()
    journal?.append(range, data)
    let blockSize = Int(geometry.blockSize)
    var start = 0
    for track in tracks(of: range) {
      let end = start + Int(track.count) * blockSize
      try makePasses(over: track, data.extracting(start..<end), blockSize)
      start = end
    }
  }

  /// Verifies; costs no step.
  public func verify(_ range: BlockRange) throws(MediumError) {
    try requirePower()
    try surface.verify(range)
  }

  /// Makes everything written so far lasting.
  public func synchronize() throws(MediumError) {
    try requirePower()
    try surface.synchronize()
    journal?.appendSynchronization()
  }

  /// Makes the erase pass.
  public func erase(_ range: BlockRange) throws(MediumError) {
    try requirePower()
    for sector in sectors(of: range) {
      try step()
      try surface.erase(sector)
    }
  }

  /// Moves a block to a spare sector.
  public func reassign(_ block: UInt64) throws(MediumError) {
    try requirePower()
    try surface.reassign(block)
  }

  /// Formats the surface.
  public func format(_ request: FormatRequest) throws(MediumError) {
    try requirePower()
    try surface.format(request)
  }

  /// What the surface recovered from.
  public func takeRecovery() -> MediumRecovery? { surface.takeRecovery() }

  private func makePasses(over track: BlockRange, _ data: RawSpan, _ blockSize: Int) throws(MediumError) {
    for sector in sectors(of: track) {
      try step()
      try surface.erase(sector)
    }
    var start = 0
    for sector in sectors(of: track) {
      try step()
      try surface.mark(sector, as: .halfWritten)
      try step()
      try surface.record(sector, from: data.extracting(start..<(start + blockSize)))
      start += blockSize
    }
    for sector in sectors(of: track) {
      try step()
      try surface.mark(sector, as: .good)
    }
  }

  private func requirePower() throws(MediumError) {
    guard hasPower else { throw .powerLost }
  }

  /// Makes one step, unless power fails first.
  private func step() throws(MediumError) {
    if let lastStep, stepCount >= lastStep {
      hasPower = false
      throw .powerLost
    }
    stepCount += 1
  }

  /// The parts of `range` that lie on one track each.
  private func tracks(of range: BlockRange) -> [BlockRange] {
    let length = UInt64(geometry.sectorsPerTrack)
    var parts: [BlockRange] = []
    var next = range.first
    let end = range.first + UInt64(range.count)
    while next < end {
      let stop = min((next / length + 1) * length, end)
      parts.append(BlockRange(first: next, count: UInt32(stop - next)))
      next = stop
    }
    return parts
  }

  private func sectors(of track: BlockRange) -> some Sequence<BlockRange> {
    (0..<UInt64(track.count)).lazy.map { BlockRange(first: track.first + $0, count: 1) }
  }
}
