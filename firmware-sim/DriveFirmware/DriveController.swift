import Octets
import SCSI

/// The controller of a magneto-optical drive: CDBs in, status, data and sense out.
///
/// It keeps no clock, opens no file and knows no transport; the medium is whatever is inserted. One command at a time.
public final class DriveController {
  /// What the drive says about itself.
  public let configuration: DriveConfiguration

  /// The medium inside.
  public internal(set) var medium: (any Medium)?

  /// The medium that a command ejected and that nobody has taken yet.
  var ejected: (any Medium)?

  /// Whether the medium turns. It is spun up by the first command that needs it.
  var isSpinning = false

  /// The initiators that are connected.
  var nexuses: [Nexus] = []

  /// How many initiators connected that no transport names.
  var localInitiators: UInt32 = 0

  /// Who has reserved the drive.
  var reservations = Reservations()

  /// The mode pages in force.
  var modes: ModePages

  /// Where answers other than blocks are made.
  let response = OctetBuffer(capacity: 16_384)

  /// Where blocks are read for comparison, or made for writing.
  let scratch: OctetBuffer

  /// A drive just switched on, with nothing inside.
  public init(configuration: DriveConfiguration = DriveConfiguration()) {
    self.configuration = configuration
    modes = ModePages(isCaching: configuration.isCaching)
    scratch = OctetBuffer(capacity: configuration.scratchOctets)
    // The capacity was just made that large.
    try? scratch.append(repeating: 0, count: configuration.scratchOctets)
  }

  /// Executes one command for one initiator.
  ///
  /// - Parameters:
  ///   - cdb: the command descriptor block; whatever its octets, there is an outcome.
  ///   - dataOut: what the initiator sends; more than the command takes is passed over, less is B/4B/00 (but see
  ///     ``Nexus/reportsResiduals``).
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
      let command = try parse(cdb)
      guard allows(command, from: nexus) else { throw .status(.reservationConflict) }
      let transferred = try perform(command, dataOut, &dataIn, nexus)
      if let recovery = takeRecovery() { return .check(recovery, transferred: transferred) }
      return .good(transferred: transferred)
    } catch {
      switch error {
      case .sense(let sense): return .check(sense)
      case .status(let status): return CDBOutcome(status: status)
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
    do throws(CDBError) {
      let command = try DriveCommand(parsing: cdb)
      guard let code = OperationCode(rawValue: cdb[octet: 0]), configuration.supports(code) else {
        throw .unknownOperationCode
      }
      return command
    } catch {
      throw .sense(error.senseData)
    }
  }

  /// What the medium put right by itself, if initiators want to know (PER in the error recovery page).
  private func takeRecovery() -> SenseData? {
    guard let recovery = medium?.takeRecovery(), modes.reportsRecoveredErrors else { return nil }
    switch recovery {
    case .correctedRead(let block): return SenseData(.readRecoveredByCorrection, information: block)
    case .reallocatedWrite(let block): return SenseData(.writeRecoveredByReallocation, information: block)
    }
  }
}

/// Why a command did not end with GOOD.
enum CommandFailure: Error {
  /// CHECK CONDITION.
  case sense(SenseData)
  /// A status that needs no sense data: RESERVATION CONFLICT, CONDITION MET.
  case status(SCSIStatus)
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

  /// A field of the CDB is not acceptable, 5/24/00.
  static func invalidField(_ octet: UInt16, bit: UInt8? = nil) -> CommandFailure {
    .sense(SenseData(.invalidFieldInCDB, fieldPointer: .init(octet: octet, bit: bit)))
  }

  /// A field of the parameter list is not acceptable, 5/26/00.
  static func invalidParameter(_ octet: Int, bit: UInt8? = nil) -> CommandFailure {
    .sense(
      SenseData(
        .invalidFieldInParameterList,
        fieldPointer: .init(octet: UInt16(clamping: octet), bit: bit, isInParameterList: true)))
  }
}
