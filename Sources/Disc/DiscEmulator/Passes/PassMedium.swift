import DriveFirmware
import Octets
import SCSI

/// A medium on which power may fail between, and within, any two passes over any sector.
///
/// A magneto-optical drive erases a track, writes it and verifies it, each in one turn. Here that takes steps, and power
/// fails after any number of them:
///
/// | operation | steps |
/// | --- | --- |
/// | write | 4 for each sector, track by track: the erase pass, sector by sector; the write pass, with a step to the middle and one to the end of each sector; the verify pass, sector by sector |
/// | erase | 1 for each sector |
/// | reassign | 4 for the spare sector, then 1 for each copy of the defect lists: with the first of them the spare counts |
/// | format | 1 for each copy of the defect lists, as a note that it has begun; 4 for each sector, as a write; 1 for each copy of the new lists: with the first of them the medium is formatted |
///
/// With a ``RecordingJournal`` every step of a whole run can be gone back to afterwards, also with the operations that no
/// SYNCHRONIZE CACHE had made lasting in another order. While ``isCaching`` is off, each operation is followed by one.
public final class PassMedium: SectorMedium, PoweredMedium {
  /// Steps for each sector written.
  public static let stepsPerSector = 4
  /// Steps for each change of the defect lists: there are so many copies of them.
  public static let stepsPerDefectList = 4

  /// What the passes are made over.
  public let surface: any RecordingSurface

  /// Steps made so far.
  public private(set) var stepCount = 0

  /// Whether there is power; without it every operation fails.
  public private(set) var hasPower = true

  /// What was done and synchronised so far, if it is kept.
  public private(set) var journal: RecordingJournal?

  private var lastStep: Int?

  /// A medium over a surface; with `isJournaling` it keeps what is done.
  public init(_ surface: any RecordingSurface, isJournaling: Bool = false) {
    self.surface = surface
    if isJournaling { journal = RecordingJournal(surface.geometry) }
  }

  /// Lets power fail when `steps` more steps have been made.
  public func cutPower(after steps: Int) { lastStep = stepCount + max(steps, 0) }

  /// Power is back, and stays.
  public func restorePower() {
    hasPower = true
    lastStep = nil
  }

  // MARK: As the surface

  /// The surface's layout.
  public var geometry: MediumGeometry { surface.geometry }
  /// The surface's profile.
  public var profile: MediumProfile { surface.profile }
  /// The surface's factory record.
  public var factoryRecord: FactoryRecord { surface.factoryRecord }
  /// Whether the surface is write protected.
  public var isWriteProtected: Bool { surface.isWriteProtected }
  /// The first protected block of the surface.
  public func firstProtectedBlock(in range: BlockRange) -> UInt64? { surface.firstProtectedBlock(in: range) }
  /// The sectors on which blocks of the surface lie.
  public func sectors(of range: BlockRange) -> [Range<UInt32>] { surface.sectors(of: range) }
  /// The surface's defect lists.
  public var defects: DefectLists { surface.defects }
  /// What the surface recovered from.
  public func takeRecovery() -> MediumRecovery? { surface.takeRecovery() }
  /// Whether operations may be lasting only after SYNCHRONIZE CACHE.
  public var isCaching: Bool {
    get { surface.isCaching }
    set { surface.isCaching = newValue }
  }

  /// Reads; costs no step.
  public func read(_ range: BlockRange, into buffer: inout MutableRawSpan) throws(MediumError) {
    try requirePower()
    try surface.read(range, into: &buffer)
  }

  /// Verifies; costs no step.
  public func verify(_ range: BlockRange) throws(MediumError) {
    try requirePower()
    try surface.verify(range)
  }

  // MARK: In steps

  /// Makes the three passes over each track of the range.
  public func write(_ range: BlockRange, from data: RawSpan) throws(MediumError) {
    try begin { .write(range, data.octets) }
    try makePasses(over: range, data)
    try end()
  }

  /// Makes the erase pass over each sector of the range.
  public func erase(_ range: BlockRange) throws(MediumError) {
    try begin { .erase(range) }
    try makeErasePass(over: range)
    try end()
  }

  /// Writes the spare sector, then the lists.
  public func reassign(_ block: UInt64) throws(MediumError) {
    try begin { .reassign(block) }
    try steps(PassMedium.stepsPerSector)
    try step()
    try surface.reassign(block)
    try steps(PassMedium.stepsPerDefectList - 1)
    try end()
  }

  /// Notes that formatting has begun, makes all passes over all tracks, writes the new lists.
  public func format(_ request: FormatRequest) throws(MediumError) {
    try begin { .format(request) }
    try step()
    try surface.beginFormatting(request)
    try steps(PassMedium.stepsPerDefectList - 1)
    try makeFormatPasses()
    try step()
    try surface.format(request)
    try steps(PassMedium.stepsPerDefectList - 1)
    try end()
  }

  /// Makes everything done so far lasting.
  public func synchronize() throws(MediumError) {
    try requirePower()
    try surface.synchronize()
    journal?.append(.synchronization)
  }

  private func begin(_ entry: () -> RecordingJournal.Entry) throws(MediumError) {
    try requirePower()
    if journal != nil { journal?.append(entry()) }
  }

  private func end() throws(MediumError) {
    if !isCaching { try synchronize() }
  }

  // MARK: Passes

  private func makePasses(over range: BlockRange, _ data: RawSpan) throws(MediumError) {
    let blockSize = Int(geometry.blockSize)
    var start = 0
    for track in tracks(of: range) {
      let end = start + Int(track.count) * blockSize
      try makeErasePass(over: track)
      try makeWritePass(over: track, data.extracting(start..<end))
      for sector in singles(of: track) {
        try step()
        try surface.confirm(sector)
      }
      start = end
    }
  }

  private func makeErasePass(over range: BlockRange) throws(MediumError) {
    for sector in singles(of: range) {
      try step()
      try surface.clear(sector)
    }
  }

  private func makeWritePass(over track: BlockRange, _ data: RawSpan) throws(MediumError) {
    let blockSize = Int(geometry.blockSize)
    var start = 0
    for sector in singles(of: track) {
      try step()
      try surface.mark(sector, as: .halfWritten)
      try step()
      try surface.record(sector, from: data.extracting(start..<(start + blockSize)))
      start += blockSize
    }
  }

  /// The passes of formatting. What they write nobody can read before formatting has ended, so only their states are made:
  /// at once for the tracks that are finished before power fails, step by step for the one in which it fails.
  private func makeFormatPasses() throws(MediumError) {
    let all = Int(geometry.blockCount) * PassMedium.stepsPerSector
    guard let lastStep, lastStep - stepCount < all else {
      stepCount += all
      return
    }
    let length = UInt64(geometry.sectorsPerTrack)
    let finished = UInt64(max(lastStep - stepCount, 0) / PassMedium.stepsPerSector) / length * length
    let done = BlockRange(first: 0, count: UInt32(finished))
    try surface.clear(done)
    try surface.mark(done, as: .good)
    stepCount += Int(finished) * PassMedium.stepsPerSector
    let track = BlockRange(first: finished, count: UInt32(min(length, UInt64(geometry.blockCount) - finished)))
    try makeErasePass(over: track)
    for sector in singles(of: track) {
      for state in [SectorState.halfWritten, .unverified] {
        try step()
        try surface.mark(sector, as: state)
      }
    }
    for sector in singles(of: track) {
      try step()
      try surface.mark(sector, as: .good)
    }
  }

  // MARK: Steps

  private func requirePower() throws(MediumError) {
    guard hasPower else { throw .powerLost }
  }

  private func steps(_ count: Int) throws(MediumError) {
    for _ in 0..<count { try step() }
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

  private func singles(of track: BlockRange) -> some Sequence<BlockRange> {
    (0..<UInt64(track.count)).lazy.map { BlockRange(first: track.first + $0, count: 1) }
  }
}
