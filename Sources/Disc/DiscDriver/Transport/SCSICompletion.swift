import Glibc
import Octets
import SCSI

/// What the kernel says of one SG_IO call.
struct SCSICompletion: Hashable, Sendable {
  /// The call's error; 0 if the command went to the drive's host adapter.
  var errno: Int32
  /// The drive's status.
  var status: UInt8
  /// What the host adapter says (DID_ codes of scsi/scsi_status.h).
  var host: UInt32
  /// What the kernel's SCSI layer says: a DRIVER_ code in the low four bits.
  var driver: UInt32
  /// Octets asked for and not moved.
  var residual: Int
  /// Octets of sense data.
  var senseCount: Int

  /// How the command ended, if it did.
  ///
  /// - Parameters:
  ///   - requested: octets asked for.
  ///   - sense: where the kernel put sense data, fixed or of descriptors.
  ///   - path: the device's path, for errors.
  ///   - mayChange: whether the command, if it was executed, may have changed the medium.
  func outcome(
    requested: Int, sense: UnsafeRawBufferPointer, path: String, mayChange: Bool
  ) throws(DriveTransportError) -> CDBOutcome {
    guard errno == 0 else { throw .call(path, errno, mayChange: mayChange) }
    let (difference, overflow) = requested.subtractingReportingOverflow(residual)
    let transferred = overflow ? 0 : max(0, min(requested, difference))

    // Sense data is an outcome, whatever else is said: some adapters forget the status, or add an error of their own.
    let count = max(0, min(senseCount, sense.count))
    let hasSense = count > 0 && (status == SCSIStatus.checkCondition.rawValue || driver & 0x0F == Driver.sense)
    if hasSense || status == SCSIStatus.checkCondition.rawValue {
      return CDBOutcome(
        status: .checkCondition, transferred: transferred,
        sense: SCSICompletion.fixed(UnsafeRawBufferPointer(rebasing: sense[..<count])))
    }
    if status != 0 { return CDBOutcome(status: SCSIStatus(rawValue: status), transferred: transferred) }
    if let failure = hostFailure ?? driverFailure {
      throw DriveTransportError(
        failure.code, operation: "'\(path)': \(failure.what)", discMayHaveChanged: mayChange && failure.wasSent,
        remedy: failure.remedy)
    }
    return CDBOutcome(status: .good, transferred: transferred)
  }

  /// Sense data of any format in the fixed one: as it is if it has that already, else what of it fits; zeros if it is
  /// none.
  static func fixed(_ sense: UnsafeRawBufferPointer) -> InlineArray<18, UInt8> {
    var octets = InlineArray<18, UInt8>(repeating: 0)
    guard let first = sense.first else { return octets }
    if first & 0x7F == 0x72 || first & 0x7F == 0x73 {
      return (try? SenseData(parsing: RawSpan(_unsafeBytes: sense)))?.fixedFormat ?? octets
    }
    for index in 0..<min(18, sense.count) { octets[index] = sense[index] }
    // The length, if it reaches farther than what is here, would be taken at its word.
    if sense.count > 7 { octets[7] = min(octets[7], 10) }
    return octets
  }
}

// MARK: - What adapters and the SCSI layer say

extension SCSICompletion {
  /// Why there is no outcome.
  private struct Failure {
    var code: DriveTransportError.Code
    var what: String
    var remedy: String
    /// Whether the command may have reached the drive.
    var wasSent = true
  }

  /// DRIVER_ codes.
  private enum Driver {
    static let busy: UInt32 = 0x1
    static let invalid: UInt32 = 0x5
    static let timeout: UInt32 = 0x6
    static let sense: UInt32 = 0x8
  }

  private static let connection = "check its cable, its power and that it is switched on"

  private var hostFailure: Failure? {
    switch host {
    case 0x00: nil
    case 0x01, 0x04:  // NO_CONNECT, BAD_TARGET
      Failure(code: .noDrive, what: "the drive does not answer", remedy: SCSICompletion.connection, wasSent: false)
    case 0x02, 0x0C, 0x0D:  // BUS_BUSY, IMM_RETRY, REQUEUE
      Failure(code: .busy, what: "the bus is busy", remedy: "try again", wasSent: false)
    case 0x03:  // TIME_OUT
      Failure(
        code: .timedOut, what: "the drive took too long", remedy: "wait until it is quiet, then look at the disc again")
    case 0x05, 0x08, 0x0E, 0x0F:  // ABORT, RESET, TRANSPORT_DISRUPTED, TRANSPORT_FAILFAST
      Failure(
        code: .noDrive, what: "the drive was reset or went away during the command", remedy: SCSICompletion.connection)
    case 0x12:  // ALLOC_FAILURE
      Failure(code: .protocolViolation, what: "there is no room on the device", remedy: "use another disc")
    default:
      Failure(
        code: .protocolViolation, what: "the host adapter failed (host status \(host))",
        remedy: SCSICompletion.connection)
    }
  }

  private var driverFailure: Failure? {
    switch driver & 0x0F {
    case 0x0, Driver.sense: nil
    case Driver.busy: Failure(code: .busy, what: "the system's driver is busy", remedy: "try again", wasSent: false)
    case Driver.invalid:
      Failure(code: .protocolViolation, what: "the system's driver refuses the command", remedy: "use another drive")
    case Driver.timeout:
      Failure(
        code: .timedOut, what: "the drive took too long", remedy: "wait until it is quiet, then look at the disc again")
    default:
      Failure(
        code: .protocolViolation, what: "the system's driver failed (driver status \(driver))",
        remedy: SCSICompletion.connection)
    }
  }
}
