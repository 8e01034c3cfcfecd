/// The seam where a disc driver and a drive, emulated or real, meet: bytes only.
///
/// Blocking and not thread-safe: one command at a time.
public protocol CDBTransport: AnyObject {
  /// Executes one command descriptor block.
  ///
  /// - Parameters:
  ///   - cdb: 6, 10, 12 or 16 octets.
  ///   - dataOut: what goes to the drive; empty for none.
  ///   - dataIn: where what comes from the drive is put; empty for none.
  /// - Returns: status, sense and how many octets of `dataIn` were filled.
  func execute(cdb: RawSpan, dataOut: RawSpan, dataIn: inout MutableRawSpan) throws(DriveTransportError) -> CDBOutcome
}

/// How one command ended.
public struct CDBOutcome: Sendable {
  /// GOOD, CHECK CONDITION, RESERVATION CONFLICT, ...
  public var status: SCSIStatus
  /// Octets put into the caller's buffer.
  public var transferred: Int
  /// Fixed-format sense data (SPC-4, 4.5.3), 18 octets; all zero unless the status is CHECK CONDITION.
  public var sense: InlineArray<18, UInt8>

  /// An outcome.
  public init(
    status: SCSIStatus, transferred: Int = 0, sense: InlineArray<18, UInt8> = InlineArray(repeating: 0)
  ) {
    self.status = status
    self.transferred = transferred
    self.sense = sense
  }
}

/// Why a command never got an outcome.
public struct DriveTransportError: Error, Sendable, Hashable {
  /// What went wrong.
  public enum Code: Sendable, Hashable {
    /// There is no drive, or it went away.
    case noDrive
    /// What was named is there, but it is no drive.
    case notADrive
    /// The system does not let this user, or this program, send commands to the drive.
    case notPermitted
    /// Another program has the drive to itself, or the system has no room for one more command now.
    case busy
    /// The drive did not answer in time.
    case timedOut
    /// The image behind an emulated drive could not be read or written.
    case storage
    /// The drive lost power during the command.
    case powerLost
    /// The transport's own protocol was violated.
    case protocolViolation
  }

  /// What went wrong.
  public var code: Code
  /// The operation, for people.
  public var operation: String
  /// Whether the disc may have changed.
  public var discMayHaveChanged: Bool
  /// What to do about it, a sentence for people.
  public var remedy: String

  /// An error of a transport.
  public init(_ code: Code, operation: String, discMayHaveChanged: Bool, remedy: String) {
    self.code = code
    self.operation = operation
    self.discMayHaveChanged = discMayHaveChanged
    self.remedy = remedy
  }
}
