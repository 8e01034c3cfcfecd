import Octets
import SCSI

/// The controller of a magneto-optical drive: CDBs in, status, data and sense out.
///
/// It keeps no clock, opens no file and knows no transport; the medium is whatever is inserted. One command at a time.
public final class DriveController {
  /// What the drive says about itself.
  public let configuration: DriveConfiguration

  /// The medium inside.
  public private(set) var medium: (any Medium)?

  /// The medium that a command ejected and that nobody has taken yet.
  private var ejected: (any Medium)?

  /// Whether the medium turns; without that it can be neither read nor written.
  var isSpinning = false

  /// The initiators that are connected.
  var nexuses: [Nexus] = []

  /// How many initiators connected that no transport names.
  var localInitiators: UInt32 = 0

  /// Where answers other than blocks are made.
  let response = OctetBuffer(capacity: 1024)

  /// Where blocks are read for comparison.
  let scratch: OctetBuffer

  /// A drive just switched on, with nothing inside.
  public init(configuration: DriveConfiguration = DriveConfiguration()) {
    self.configuration = configuration
    scratch = OctetBuffer(capacity: configuration.scratchOctets)
    // The capacity was just made that large.
    try? scratch.append(repeating: 0, count: configuration.scratchOctets)
  }

  /// Executes one command for one initiator.
  ///
  /// - Parameters:
  ///   - cdb: the command descriptor block; whatever its octets, there is an outcome.
  ///   - dataOut: what the initiator sends; more than the command takes is passed over, less is B/4B/00.
  ///   - dataIn: where the answer goes. Blocks need room for all of them, else B/4B/00; other answers are cut.
  ///   - nexus: the initiator, from ``connect()``.
  /// - Throws: ``PowerLoss`` if the medium reports it.
  public func execute(
    cdb: RawSpan, dataOut: RawSpan, dataIn: inout MutableRawSpan, from nexus: Nexus
  ) throws(PowerLoss) -> CDBOutcome {
    do throws(CommandFailure) {
      if DriveController.mustReportAttention(cdb), let attention = nexus.takeAttention() {
        throw .sense(SenseData(attention))
      }
      let transferred = try perform(try parse(cdb), dataOut, &dataIn, nexus)
      return .good(transferred: transferred)
    } catch {
      switch error {
      case .sense(let sense): return .check(sense)
      case .powerLost: throw PowerLoss()
      }
    }
  }

  /// INQUIRY, REPORT LUNS and REQUEST SENSE are executed in spite of a pending unit attention (SAM-5, 5.14).
  private static func mustReportAttention(_ cdb: RawSpan) -> Bool {
    guard cdb.byteCount >= 1 else { return true }
    switch OperationCode(rawValue: cdb[octet: 0]) {
    case .inquiry, .reportLUNs, .requestSense: return false
    default: return true
    }
  }

  private func parse(_ cdb: RawSpan) throws(CommandFailure) -> DriveCommand {
    do throws(CDBError) { return try DriveCommand(parsing: cdb) } catch { throw .sense(error.senseData) }
  }

  /// Executes a command and returns how many octets went into `dataIn`.
  private func perform(
    _ command: DriveCommand, _ dataOut: RawSpan, _ dataIn: inout MutableRawSpan, _ nexus: Nexus
  ) throws(CommandFailure) -> Int {
    switch command {
    case .testUnitReady:
      _ = try readyMedium()
      return 0
    case .requestSense(let allocation):
      return copy(SenseData(nexus.takeAttention() ?? .noSense).fixedFormat, allocation, &dataIn)
    case .inquiry(let allocation): return try inquire(allocation, &dataIn)
    case .inquiryPage(let page, let allocation): return try inquire(page: page, allocation, &dataIn)
    case .reportLUNs(let select, let allocation): return try reportLUNs(select, allocation, &dataIn)
    case .readCapacity10: return try readCapacity10(&dataIn)
    case .readCapacity16(let allocation): return try readCapacity16(allocation, &dataIn)
    case .readMediaSerialNumber(let allocation): return try readMediaSerialNumber(allocation, &dataIn)
    case .modeSense(let request): return try modeSense(request, &dataIn)
    case .read(let range, _): return try read(range, &dataIn)
    case .write(let range, let forceUnitAccess):
      try write(range, dataOut)
      if forceUnitAccess { try synchronize() }
      return 0
    case .writeAndVerify(let range, let comparing):
      try write(range, dataOut)
      try verify(range, comparing ? .blocks : .none, dataOut)
      return 0
    case .verify(let range, let comparison):
      try verify(range, comparison, dataOut)
      return 0
    case .synchronizeCache(let range):
      try synchronize(range)
      return 0
    case .startStopUnit(let start, let loadEject):
      try startStop(start: start, loadEject: loadEject)
      return 0
    case .preventAllowMediumRemoval(let prevent):
      nexus.preventsRemoval = prevent
      return 0
    }
  }
}

/// Why a command did not succeed.
enum CommandFailure: Error {
  /// CHECK CONDITION.
  case sense(SenseData)
  /// No outcome.
  case powerLost

  /// The failure as the medium reported it.
  init(_ error: MediumError) {
    switch error {
    case .unreadable(let block): self = .sense(SenseData(.unrecoveredReadError, information: block))
    case .blank(let block): self = .sense(SenseData(.blankBlock, information: block))
    case .notWritten(let block): self = .sense(SenseData(.writeError, information: block))
    case .noSpareSector(let block): self = .sense(SenseData(.noDefectSpareLocation, information: block))
    case .formatCorrupted: self = .sense(SenseData(.mediumFormatCorrupted))
    case .failure: self = .sense(SenseData(.internalTargetFailure))
    case .powerLost: self = .powerLost
    }
  }
}

// The mechanism: what happens to the drive other than by data.
extension DriveController {
  /// Why a hand at the drive met resistance.
  public enum MechanismError: Error, Hashable, Sendable {
    /// There is a medium inside already.
    case occupied
    /// There is no medium inside.
    case empty
    /// An initiator has locked the medium in.
    case removalPrevented
    /// What was written could not be made lasting; the medium stays inside.
    case notSynchronized
  }

  /// Puts a medium in and spins it up; every initiator is told 6/28/00.
  public func insert(_ medium: any Medium) throws(MechanismError) {
    guard self.medium == nil else { throw .occupied }
    self.medium = medium
    isSpinning = true
    for nexus in nexuses { nexus.raise(.mediumMayHaveChanged) }
  }

  /// The eject button: hands out the medium with everything written to it made lasting.
  public func eject() throws(MechanismError) -> any Medium {
    guard let medium else { throw .empty }
    guard !isRemovalPrevented else { throw .removalPrevented }
    do throws(MediumError) { try medium.synchronize() } catch { throw .notSynchronized }
    return release(medium)
  }

  /// The paper clip: pulls the medium out, locked or not, with nothing made lasting.
  public func pullOut() throws(MechanismError) -> any Medium {
    guard let medium else { throw .empty }
    return release(medium)
  }

  /// Hands over, once, the medium that START STOP UNIT ejected.
  public func takeEjected() -> (any Medium)? {
    defer { ejected = nil }
    return ejected
  }

  /// Whether any initiator has locked the medium in.
  public var isRemovalPrevented: Bool { nexuses.contains { $0.preventsRemoval } }

  private func release(_ medium: any Medium) -> any Medium {
    self.medium = nil
    isSpinning = false
    return medium
  }

  /// The medium, if it is there and turning.
  func readyMedium() throws(CommandFailure) -> any Medium {
    guard let medium else { throw .sense(SenseData(.mediumNotPresent)) }
    guard isSpinning else { throw .sense(SenseData(.initializingCommandRequired)) }
    return medium
  }

  /// START STOP UNIT (SBC-3, 5.25).
  private func startStop(start: Bool, loadEject: Bool) throws(CommandFailure) {
    guard let medium else { throw .sense(SenseData(.mediumNotPresent)) }
    if start {
      isSpinning = true
      return
    }
    if loadEject, isRemovalPrevented { throw .sense(SenseData(.mediumRemovalPrevented)) }
    do throws(MediumError) { try medium.synchronize() } catch { throw CommandFailure(error) }
    if loadEject { ejected = release(medium) } else { isSpinning = false }
  }
}
