import Octets
import SCSI

/// Memory that data lie in between a socket and the drive.
public protocol TransferMemory: AnyObject {
  /// Octets of it.
  var count: Int { get }
  /// Lends the octets.
  func withBytes(_ body: (RawSpan) -> Void)
  /// Lends the octets for writing.
  func withMutableBytes(_ body: (inout MutableRawSpan) -> Void)
}

/// Where a connection's octets leave; what comes is given to ``TargetConnection/receive(_:)``.
public protocol ConnectionOutlet: AnyObject {
  /// The address that the initiator came to, as `TargetAddress` spells it: `host:port`.
  var localAddress: String { get }
  /// Where the initiator is, for people.
  var peerAddress: String { get }
  /// Whether more waits to leave than should; then nothing more is done for this connection until
  /// ``TargetConnection/resume()``.
  var isCongested: Bool { get }
  /// Octets of memory that all connections have for data now.
  var octetsInUse: Int { get }
  /// Memory with unspecified content. The count is within the target's limits.
  func makeMemory(octets: Int) -> any TransferMemory
  /// Sends a copy of `bytes`.
  func send(_ bytes: RawSpan)
  /// Sends octets of `memory`, which nobody changes afterwards, without a copy.
  func send(_ memory: any TransferMemory, _ range: Range<Int>)
  /// Ends the connection when all that was sent has left.
  func close()
  /// Takes octets into a digest, by whatever does that fastest here.
  func update(_ digest: inout CRC32C, with bytes: RawSpan)
}

extension ConnectionOutlet {
  /// Unknown, and so none.
  public var octetsInUse: Int { 0 }

  /// Takes octets into a digest.
  public func update(_ digest: inout CRC32C, with bytes: RawSpan) { digest.update(bytes) }

  func digest(of bytes: RawSpan) -> UInt32 {
    var digest = CRC32C()
    update(&digest, with: bytes)
    return digest.value
  }
}

/// One initiator's way to the drive (an I_T nexus), which ends with the object.
public protocol TargetPort: CDBTransport {
  /// What the command in `cdb` would move between host and drive now; nothing if it is no command of the drive.
  func transfer(of cdb: RawSpan) -> DataTransfer
  /// Goes up whenever this initiator's commands that were not executed yet are aborted by the drive.
  var taskSetGeneration: UInt32 { get }
  /// LOGICAL UNIT RESET.
  func resetLogicalUnit()
  /// TARGET WARM RESET, TARGET COLD RESET.
  func resetTarget()
  /// ABORT TASK SET.
  func abortTaskSet()
  /// CLEAR TASK SET; `losers` are other initiators who had commands waiting.
  func clearTaskSet(losers: [any TargetPort])
}

/// The drive behind a target.
public protocol TargetDevice: AnyObject {
  /// Makes an initiator known to the drive.
  func connect(_ identity: InitiatorIdentity) -> any TargetPort
}

/// How much of everything a target grants to strangers.
public struct TargetLimits: Hashable, Sendable {
  /// What it takes in negotiations.
  public var negotiation = NegotiationLimits()
  /// Connections at a time, logged in or not.
  public var connections = 64
  /// Sessions at a time.
  public var sessions = 32
  /// Commands of a session that may be under way.
  public var commands: UInt32 = 128
  /// Octets that one command may move.
  public var transferOctets = 32 << 20
  /// Octets of write data that a session may have waiting; beyond, TASK SET FULL.
  public var waitingOctets = 64 << 20
  /// Octets that all sessions together may have waiting, and as many again that wait to be sent to initiators who do not
  /// read; beyond, TASK SET FULL for what exceeds ``shareOctets``.
  public var memoryOctets = 256 << 20
  /// Octets that a session may have waiting, or one command may send, however much others have.
  public var shareOctets = 2 << 20
  /// Octets of one text, all its PDUs together.
  public var textOctets = 16_384
  /// Octets of additional header segments of a PDU.
  public var additionalHeaderOctets = 64
  /// Seconds for a whole login.
  public var loginSeconds: UInt64 = 15
  /// Seconds of silence before an initiator is pinged.
  public var silenceSeconds: UInt64 = 30
  /// Seconds that a command waits for data of which none comes; then its connection ends.
  public var dataSeconds: UInt64 = 60
  /// Seconds that an initiator has to answer a ping.
  public var pingSeconds: UInt64 = 15

  /// The usual limits.
  public init() {}
}

/// Something that whoever runs a target may want to know.
public struct TargetEvent: Hashable, Sendable {
  /// What happened.
  public enum Kind: Hashable, Sendable {
    /// An initiator is in full feature phase.
    case loggedIn(isDiscovery: Bool)
    /// A login was refused.
    case loginRefused(LoginStatus)
    /// An initiator logged out.
    case loggedOut
    /// A connection was ended for a reason.
    case dropped(DropReason)
    /// The initiator logged in again under the same name and session identifier.
    case reinstated
    /// Task management.
    case taskManagement(TaskManagementFunction)
  }

  /// Why a target ends a connection.
  public enum DropReason: Hashable, Sendable {
    /// The rules of the protocol were broken.
    case protocolError
    /// A header's digest was wrong: nothing behind it can be believed.
    case headerDigest
    /// The login took too long.
    case loginTimeout
    /// Pings were not answered, or data that were asked for did not come.
    case noAnswer
    /// Another initiator asked for TARGET COLD RESET.
    case reset
    /// The other side, or the network, ended it.
    case lost
  }

  /// What happened.
  public let kind: Kind
  /// Where the initiator is.
  public let peerAddress: String
  /// The initiator's name as far as it gave one.
  public let initiatorName: String?

  /// An event.
  public init(_ kind: Kind, peerAddress: String, initiatorName: String?) {
    self.kind = kind
    self.peerAddress = peerAddress
    self.initiatorName = initiatorName
  }
}
