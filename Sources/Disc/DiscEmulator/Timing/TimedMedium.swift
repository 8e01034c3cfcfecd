import DriveFirmware
import SCSI

/// A medium on which everything takes as long as the mechanism of a drive needs for it, on a clock.
///
/// The medium is what another one is; only time passes: to seek, to wait for the sector, and for the passes over it. As a
/// drive has one head, one operation at a time.
public final class TimedMedium: SectorMedium, PoweredMedium {
  /// What the head is over.
  public let medium: any SectorMedium
  /// How fast the mechanism is.
  public var timing: MechanicalTiming { mechanism.timing }
  /// The clock.
  public let clock: any DriveClock

  private var mechanism: Mechanism
  private let bands: [MediumBand]

  /// A medium in a mechanism.
  public init(
    _ medium: any SectorMedium, timing: MechanicalTiming = MechanicalTiming(), clock: any DriveClock
  ) {
    self.medium = medium
    self.clock = clock
    mechanism = Mechanism(timing, medium.geometry)
    bands = medium.geometry.bands
  }

  // MARK: As the medium

  /// The medium's layout.
  public var geometry: MediumGeometry { medium.geometry }
  /// The medium's profile.
  public var profile: MediumProfile { medium.profile }
  /// The medium's factory record.
  public var factoryRecord: FactoryRecord { medium.factoryRecord }
  /// Whether the medium is write protected.
  public var isWriteProtected: Bool { medium.isWriteProtected }
  /// The first protected block of the medium.
  public func firstProtectedBlock(in range: BlockRange) -> UInt64? { medium.firstProtectedBlock(in: range) }
  /// The sectors on which blocks of the medium lie.
  public func sectors(of range: BlockRange) -> [Range<UInt32>] { medium.sectors(of: range) }
  /// The medium's defect lists.
  public var defects: DefectLists { medium.defects }
  /// What the medium recovered from.
  public func takeRecovery() -> MediumRecovery? { medium.takeRecovery() }
  /// The medium's write cache. It hides no time: what is written takes its passes at once.
  public var isCaching: Bool {
    get { medium.isCaching }
    set { medium.isCaching = newValue }
  }
  /// Takes no time: nothing waits.
  public func synchronize() throws(MediumError) { try medium.synchronize() }

  /// Power is back on the medium, if it is one on which it fails.
  public func restorePower() { (medium as? any PoweredMedium)?.restorePower() }

  // MARK: In time

  /// Reads, as the sectors pass.
  public func read(_ range: BlockRange, into buffer: inout MutableRawSpan) throws(MediumError) {
    pass(over: range)
    try medium.read(range, into: &buffer)
  }

  /// Verifies, as the sectors pass.
  public func verify(_ range: BlockRange) throws(MediumError) {
    pass(over: range)
    try medium.verify(range)
  }

  /// Erases, writes and verifies.
  public func write(_ range: BlockRange, from data: RawSpan) throws(MediumError) {
    spend { mechanism in for run in medium.sectors(of: range) { mechanism.write(run) } }
    try medium.write(range, from: data)
  }

  /// Erases, in one pass.
  public func erase(_ range: BlockRange) throws(MediumError) {
    spend { mechanism in for run in medium.sectors(of: range) { mechanism.erase(run) } }
    try medium.erase(range)
  }

  /// Reads the block, writes it to its spare sector, and all copies of the defect lists.
  public func reassign(_ block: UInt64) throws(MediumError) {
    let range = BlockRange(first: block, count: 1)
    spend { mechanism in for run in medium.sectors(of: range) { mechanism.read(run) } }
    try medium.reassign(block)
    spend { mechanism in
      for run in medium.sectors(of: range) { mechanism.write(run) }
      writeDefectLists(&mechanism)
    }
  }

  /// Writes all sectors, spares too, and the defect lists before and after that.
  public func format(_ request: FormatRequest) throws(MediumError) {
    try medium.format(request)
    spend { mechanism in
      writeDefectLists(&mechanism)
      for band in bands { mechanism.write(band.firstSector..<band.endSector) }
      writeDefectLists(&mechanism)
    }
  }

  /// Two of the four copies lie at each end of the medium.
  private func writeDefectLists(_ mechanism: inout Mechanism) {
    guard let first = bands.first, let last = bands.last else { return }
    for sector in [first.firstSector, first.firstSector + 1, last.endSector - 2, last.endSector - 1] {
      mechanism.write(sector..<(sector + 1))
    }
  }

  private func pass(over range: BlockRange) {
    let runs = medium.sectors(of: range)
    spend(reading: runs.first?.lowerBound) { mechanism in for run in runs { mechanism.read(run) } }
  }

  private func spend(reading next: UInt32? = nil, _ work: (inout Mechanism) -> Void) {
    mechanism.begin(at: clock.now.inSeconds, reading: next)
    work(&mechanism)
    clock.wait(until: .nanoseconds(Int64((mechanism.moment * 1e9).rounded(.up))))
  }
}

extension Duration {
  /// As a number of seconds.
  fileprivate var inSeconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}
