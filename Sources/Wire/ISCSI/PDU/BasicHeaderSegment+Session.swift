// Login, text, logout, task management, asynchronous messages and Reject (RFC 7143, 11.5, 11.6, 11.9 to 11.17).
extension BasicHeaderSegment {
  /// Login: whether the sender is ready for the next stage (the T bit, which stands where others have F).
  public var isTransit: Bool {
    get { flag(0x80) }
    set { setFlag(0x80, newValue) }
  }

  /// Login and text: whether the text goes on in the next PDU (the C bit).
  public var isContinued: Bool {
    get { flag(0x40) }
    set { setFlag(0x40, newValue) }
  }

  /// Login: the stage that the sender is in; `nil` for the value that is none.
  public var currentStage: LoginStage? {
    get { LoginStage(rawValue: octets[1] >> 2 & 3) }
    set { self[octet: 1] = octets[1] & ~0x0C | (newValue?.rawValue ?? 2) << 2 }
  }

  /// Login: the stage that comes next, if ``isTransit``; `nil` for the value that is none.
  public var nextStage: LoginStage? {
    get { LoginStage(rawValue: octets[1] & 3) }
    set { self[octet: 1] = octets[1] & ~0x03 | (newValue?.rawValue ?? 2) }
  }

  /// Login Request: the lowest protocol version that the initiator speaks.
  public var versionMinimum: UInt8 {
    get { octets[3] }
    set { self[octet: 3] = newValue }
  }

  /// Login: the initiator's part of the session identifier, 6 octets.
  public var isid: ISID {
    get { ISID(rawValue: u64(8) >> 16) }
    set {
      put(UInt32(truncatingIfNeeded: newValue.rawValue >> 16), at: 8)
      put(UInt16(truncatingIfNeeded: newValue.rawValue), at: 12)
    }
  }

  /// Login: the target's name for the session; 0 before it has one.
  public var tsih: UInt16 {
    get { u16(14) }
    set { put(newValue, at: 14) }
  }

  /// Login and Logout Request: the initiator's name for the connection.
  public var cid: UInt16 {
    get { u16(20) }
    set { put(newValue, at: 20) }
  }

  /// Login Response: how it went.
  public var loginStatus: LoginStatus {
    get { LoginStatus(rawValue: u16(36)) }
    set { put(newValue.rawValue, at: 36) }
  }

  /// Task management and Logout Request: what to do, 7 bits.
  public var function: UInt8 {
    get { octets[1] & 0x7F }
    set { self[octet: 1] = 0x80 | newValue }
  }

  /// Task management request: the task concerned.
  public var referencedTaskTag: UInt32 {
    get { u32(20) }
    set { put(newValue, at: 20) }
  }

  /// Task management request: the command number of the task concerned.
  public var refCmdSN: UInt32 {
    get { u32(32) }
    set { put(newValue, at: 32) }
  }

  /// Reject: why.
  public var rejectReason: RejectReason? {
    get { RejectReason(rawValue: octets[2]) }
    set { self[octet: 2] = newValue?.rawValue ?? 0 }
  }

  /// Asynchronous Message: what happened.
  public var asynchronousEvent: AsynchronousEvent? {
    get { AsynchronousEvent(rawValue: octets[36]) }
    set { self[octet: 36] = newValue?.rawValue ?? 0xFF }
  }

  /// Asynchronous Message: Parameter1 to Parameter3.
  public var asynchronousParameters: (UInt16, UInt16, UInt16) {
    get { (u16(38), u16(40), u16(42)) }
    set {
      put(newValue.0, at: 38)
      put(newValue.1, at: 40)
      put(newValue.2, at: 42)
    }
  }
}

/// The initiator's part of a session identifier (RFC 7143, 11.12.5): 48 bits.
public struct ISID: RawRepresentable, Hashable, Sendable {
  /// The bits, right-aligned.
  public let rawValue: UInt64

  /// The identifier with these bits.
  public init(rawValue: UInt64) { self.rawValue = rawValue & 0xFFFF_FFFF_FFFF }

  /// Its 6 octets.
  public var octets: [UInt8] { (0..<6).map { UInt8(truncatingIfNeeded: rawValue >> UInt64(40 - 8 * $0)) } }
}

/// Where a login stands (RFC 7143, 6.3).
public enum LoginStage: UInt8, Hashable, Sendable {
  /// Who are you?
  case security = 0
  /// How shall we talk?
  case operational = 1
  /// Talk.
  case fullFeature = 3
}

/// How a login went (RFC 7143, 11.13.5): class in the high octet, detail in the low one.
public struct LoginStatus: RawRepresentable, Hashable, Sendable {
  /// Class and detail.
  public let rawValue: UInt16

  /// The status with this class and detail.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// Well so far.
  public static let success = LoginStatus(rawValue: 0x0000)
  /// The initiator did what it must not.
  public static let initiatorError = LoginStatus(rawValue: 0x0200)
  /// The initiator is not who it should be.
  public static let authenticationFailure = LoginStatus(rawValue: 0x0201)
  /// The initiator may not use this target.
  public static let authorizationFailure = LoginStatus(rawValue: 0x0202)
  /// There is no such target here.
  public static let notFound = LoginStatus(rawValue: 0x0203)
  /// No version in common.
  public static let unsupportedVersion = LoginStatus(rawValue: 0x0205)
  /// The session has as many connections as it may.
  public static let tooManyConnections = LoginStatus(rawValue: 0x0206)
  /// A name that is necessary was not given.
  public static let missingParameter = LoginStatus(rawValue: 0x0207)
  /// This session does not take that connection.
  public static let cannotIncludeInSession = LoginStatus(rawValue: 0x0208)
  /// There is no such type of session.
  public static let sessionTypeNotSupported = LoginStatus(rawValue: 0x0209)
  /// There is no such session.
  public static let sessionDoesNotExist = LoginStatus(rawValue: 0x020A)
  /// Something other than a login during login.
  public static let invalidDuringLogin = LoginStatus(rawValue: 0x020B)
  /// The target has no room for another session.
  public static let outOfResources = LoginStatus(rawValue: 0x0302)
}

/// What a Task Management Function Request asks for (RFC 7143, 11.5.1).
public enum TaskManagementFunction: UInt8, Hashable, Sendable {
  /// Abort one task.
  case abortTask = 1
  /// Abort all tasks of this initiator.
  case abortTaskSet = 2
  /// Clear an auto contingent allegiance.
  case clearACA = 3
  /// Abort all tasks of all initiators.
  case clearTaskSet = 4
  /// Reset the logical unit.
  case logicalUnitReset = 5
  /// Reset the target.
  case targetWarmReset = 6
  /// Reset the target and end all its sessions.
  case targetColdReset = 7
  /// Take a task over to this connection.
  case taskReassign = 8
}

/// What a task management function came to (RFC 7143, 11.6.1).
public enum TaskManagementResponse: UInt8, Hashable, Sendable {
  /// Done.
  case complete = 0
  /// There is no such task.
  case noSuchTask = 1
  /// There is no such logical unit.
  case noSuchLogicalUnit = 2
  /// Tasks cannot be taken over here.
  case reassignmentNotSupported = 4
  /// There is no such function here.
  case notSupported = 5
  /// Not now.
  case rejected = 255
}

/// Why a PDU was rejected (RFC 7143, 11.17.1).
public enum RejectReason: UInt8, Hashable, Sendable {
  /// The data segment is not what was sent.
  case dataDigestError = 0x02
  /// SNACK is not for this session.
  case snackReject = 0x03
  /// The PDU breaks the rules.
  case protocolError = 0x04
  /// There is no such command.
  case commandNotSupported = 0x05
  /// As many immediate commands are waiting as may.
  case tooManyImmediateCommands = 0x06
  /// A field is not what it may be.
  case invalidField = 0x09
  /// The target has no room for a long operation.
  case longOperationReject = 0x0A
  /// The connection is being logged out.
  case waitingForLogout = 0x0C
}

/// What an Asynchronous Message tells (RFC 7143, 11.9.1).
public enum AsynchronousEvent: UInt8, Hashable, Sendable {
  /// Sense data of the logical unit.
  case scsi = 0
  /// The initiator is to log out.
  case requestsLogout = 1
  /// The target will drop a connection.
  case willDropConnection = 2
  /// The target will drop all connections of the session.
  case willDropSession = 3
}
