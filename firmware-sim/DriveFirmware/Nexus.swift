import SCSI

/// What the drive keeps for one initiator while it is connected (an I_T nexus, SAM-5, 4.6).
public final class Nexus {
  /// Who the initiator is.
  public let identity: InitiatorIdentity

  /// Goes up whenever the commands of this initiator that were not executed yet are aborted: by a reset, by CLEAR TASK
  /// SET, by PREEMPT AND ABORT. A transport that keeps commands waiting notes it with each, and drops those from before.
  public private(set) var taskSetGeneration: UInt32 = 0

  /// Unit attentions not yet reported, the oldest first; none twice.
  private var attentions: [SenseCode] = [.powerOnOrReset]

  /// Whether this initiator has locked the medium in.
  var preventsRemoval = false

  init(_ identity: InitiatorIdentity) { self.identity = identity }

  /// Keeps a unit attention until it is reported.
  func raise(_ attention: SenseCode) {
    if !attentions.contains(attention) { attentions.append(attention) }
  }

  /// Forgets everything, and keeps the one attention that says why.
  func reset(_ attention: SenseCode) {
    attentions = [attention]
    preventsRemoval = false
    abortTasks()
  }

  /// Commands not executed yet are no longer to be executed.
  func abortTasks() { taskSetGeneration &+= 1 }

  /// The oldest unit attention, which is thereby reported.
  func takeAttention() -> SenseCode? {
    attentions.isEmpty ? nil : attentions.removeFirst()
  }
}
