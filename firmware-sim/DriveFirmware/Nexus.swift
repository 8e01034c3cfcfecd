import SCSI

/// What the drive keeps for one initiator while it is connected (an I_T nexus, SAM-5, 4.6).
public final class Nexus {
  /// Who the initiator is.
  public let identity: InitiatorIdentity

  /// Whether its transport tells the initiator how much of a transfer did not take place. Then READ, WRITE and WRITE AND
  /// VERIFY move as much as there is data or room for: all blocks that are whole are written, and blocks are read up to the
  /// last octet that fits. Else too little is B/4B/00.
  public let reportsResiduals: Bool

  /// Goes up whenever the commands of this initiator that were not executed yet are aborted: by a reset, by CLEAR TASK
  /// SET, by PREEMPT AND ABORT. A transport that keeps commands waiting notes it with each, and drops those from before.
  public private(set) var taskSetGeneration: UInt32 = 0

  /// Unit attentions not yet reported, the oldest first; none twice.
  private var attentions: [SenseCode] = [.powerOnOrReset]

  /// Whether this initiator has locked the medium in.
  var preventsRemoval = false

  /// What the drive was last asked to attest the medium by (SECURITY PROTOCOL OUT), for one use.
  var challenge: DriveAttestation.Challenge?

  /// What MEDIUM SCAN found, until REQUEST SENSE tells it.
  var scanResult: SenseData?

  init(_ identity: InitiatorIdentity, reportsResiduals: Bool) {
    self.identity = identity
    self.reportsResiduals = reportsResiduals
  }

  /// Keeps a unit attention until it is reported.
  func raise(_ attention: SenseCode) {
    if !attentions.contains(attention) { attentions.append(attention) }
  }

  /// Forgets everything, and keeps the one attention that says why.
  func reset(_ attention: SenseCode) {
    attentions = [attention]
    preventsRemoval = false
    scanResult = nil
    challenge = nil
    abortTasks()
  }

  /// Commands not executed yet are no longer to be executed.
  func abortTasks() { taskSetGeneration &+= 1 }

  /// What MEDIUM SCAN found, which is thereby told.
  func takeScanResult() -> SenseData? {
    defer { scanResult = nil }
    return scanResult
  }

  /// The oldest unit attention, which is thereby reported.
  func takeAttention() -> SenseCode? {
    attentions.isEmpty ? nil : attentions.removeFirst()
  }
}
