import SCSI

/// What the drive keeps for one initiator (an I_T nexus, SAM-5, 4.6).
public final class Nexus {
  /// Unit attentions not yet reported, the oldest first; none twice.
  private var attentions: [SenseCode] = [.powerOnOrReset]

  /// Whether this initiator has locked the medium in.
  var preventsRemoval = false

  init() {}

  /// Keeps a unit attention until it is reported.
  func raise(_ attention: SenseCode) {
    if !attentions.contains(attention) { attentions.append(attention) }
  }

  /// Forgets everything, as after power on.
  func reset() {
    attentions = [.powerOnOrReset]
    preventsRemoval = false
  }

  /// The oldest unit attention, which is thereby reported.
  func takeAttention() -> SenseCode? {
    attentions.isEmpty ? nil : attentions.removeFirst()
  }
}
