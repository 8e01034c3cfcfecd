import SCSI

/// Why an operation on a drive, a disc or its licensed volume failed, what to do about it, and whether the disc may have
/// changed.
public struct DiscError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What went wrong.
  public enum Code: Hashable, Sendable {
    // The drive.

    /// There is no drive, it went away, or the way to it failed.
    case noDrive
    /// There is no medium in the drive.
    case noMedium
    /// The system does not let this user send commands to the drive.
    case notPermitted
    /// The drive is busy, or reserved by somebody else.
    case busy
    /// The medium was changed, or the drive reset, since the session began. Begin a new one.
    case mediumChanged
    /// The drive lost power during the operation.
    case powerLost
    /// The medium, or the part that was addressed, is write-protected.
    case writeProtected
    /// The medium could not be read or written at some place.
    case mediumFailure
    /// The drive failed, or answered against its own standard.
    case driveFailure
    /// The drive does not know the command, or refuses it.
    case refused
    /// The medium has no id that a licence could be bound to (M3).
    case noIdentity
    /// What a drive says of the medium is not authentic.
    case notAuthentic

    // The licensed volume.

    /// There is no licensed volume on the disc.
    case unformatted
    /// There is something on the disc that formatting would destroy.
    case notEmpty
    /// The licensed volume is damaged beyond its copies.
    case damaged
    /// The licensed volume was made on another medium and copied here.
    case foreign
    /// The disc's capacity, block size or volume version is not supported.
    case unsupported
    /// There is no room.
    case full
    /// There is no such title or licence.
    case notFound
    /// A parameter is out of range.
    case invalidArgument
    /// Another title is being written.
    case writing
  }

  /// What went wrong.
  public var code: Code
  /// What was being done, and to what.
  public var operation: String
  /// What the drive said, if it was the drive that failed.
  public var sense: SenseData?
  /// What to do about it, a sentence for people.
  public var remedy: String
  /// Whether the disc may have changed.
  public var discMayHaveChanged: Bool

  /// One sentence: what failed, and what to do.
  public var description: String {
    let reason = sense.map { " (sense \($0.code))" } ?? ""
    return "\(operation)\(reason): \(remedy)"
  }

  /// An error of a disc.
  public init(
    _ code: Code, _ operation: String, sense: SenseData? = nil, remedy: String, discMayHaveChanged: Bool = false
  ) {
    self.code = code
    self.operation = operation
    self.sense = sense
    self.remedy = remedy
    self.discMayHaveChanged = discMayHaveChanged
  }
}

extension DiscError {
  /// The error for a transport that could not be opened, or a command that never got an outcome.
  public init(_ error: DriveTransportError, _ operation: String) {
    let code: Code =
      switch error.code {
      case .noDrive, .notADrive, .storage: .noDrive
      case .notPermitted: .notPermitted
      case .busy: .busy
      case .timedOut: .driveFailure
      case .powerLost: .powerLost
      case .protocolViolation: .driveFailure
      }
    self.init(
      code, "\(operation): \(error.operation)", remedy: error.remedy, discMayHaveChanged: error.discMayHaveChanged)
  }

  /// The error for a command that ended with another status than GOOD.
  ///
  /// - Parameter isWrite: whether the command, if it was executed at all, may have changed the disc.
  init(_ outcome: CDBOutcome, _ operation: String, isWrite: Bool) {
    guard outcome.status == .checkCondition else {
      self.init(
        .busy, operation, remedy: "the drive is busy or reserved by another program; end that and try again")
      return
    }
    guard let sense = outcome.senseData else {
      self.init(
        .driveFailure, operation, remedy: "the drive gave no reason; try again, or use another drive",
        discMayHaveChanged: isWrite)
      return
    }
    let (code, remedy, wasExecuted): (Code, String, Bool) =
      switch sense.key {
      case .notReady where sense.code.asc == 0x3A: (.noMedium, "put a disc into the drive", false)
      case .notReady: (.busy, "the drive is not ready yet; wait, and try again", false)
      case .unitAttention: (.mediumChanged, "the disc was changed or the drive was reset; begin again", false)
      case .dataProtect:
        (.writeProtected, "the disc or this part of it is write-protected; use a writable disc", false)
      case .illegalRequest: (.refused, "the drive does not support this; use another drive", false)
      case .mediumError, .blankCheck, .miscompare:
        (.mediumFailure, "the disc is damaged here; save what can be read and use another disc", true)
      default: (.driveFailure, "the drive failed; try again, or use another drive", true)
      }
    self.init(
      code, operation, sense: sense, remedy: remedy,
      discMayHaveChanged: isWrite && (wasExecuted || sense.isDeferred))
  }
}
