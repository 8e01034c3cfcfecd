import SCSI

// Initiators come and go, and manage their tasks (SAM-5, 5.14, 6.3 and 7).
extension DriveController {
  /// What a reset reaches.
  public enum Reset {
    /// LOGICAL UNIT RESET: every initiator is told 6/29/03.
    case logicalUnit
    /// A hard reset, as TARGET WARM RESET and TARGET COLD RESET ask for: every initiator is told 6/29/02.
    case target
    /// This initiator's connection was lost and is there again: it is told 6/29/07.
    case nexusLoss(Nexus)
  }

  /// Makes an initiator known; its first command meets 6/29/00.
  ///
  /// `reportsResiduals` tells of its transport what ``Nexus/reportsResiduals`` means.
  public func connect(_ identity: InitiatorIdentity, reportsResiduals: Bool = false) -> Nexus {
    let nexus = Nexus(identity, reportsResiduals: reportsResiduals)
    nexuses.append(nexus)
    return nexus
  }

  /// Makes an initiator known that no transport names, another one at each call.
  public func connect() -> Nexus {
    localInitiators &+= 1
    return connect(InitiatorIdentity(local: localInitiators))
  }

  /// Forgets an initiator, with its lock on the medium and what it took by RESERVE; what it registered by PERSISTENT
  /// RESERVE stays.
  public func disconnect(_ nexus: Nexus) {
    nexus.abortTasks()
    reservations.release(by: nexus)
    nexuses.removeAll { $0 === nexus }
  }

  /// Resets: commands not executed yet are aborted, locks on the medium and what was taken by RESERVE are gone. Persistent
  /// reservations stay; mode pages go back to their defaults, unless only a connection was lost.
  public func reset(_ kind: Reset) {
    switch kind {
    case .logicalUnit: reset(.busDeviceReset)
    case .target: reset(.busReset)
    case .nexusLoss(let nexus):
      reservations.release(by: nexus)
      nexus.reset(.nexusLost)
    }
  }

  /// The drive is switched on: locks and reservations of every kind are gone, every initiator is told 6/29/00.
  public func powerOn() {
    reservations = Reservations()
    reset(.powerOnOrReset)
  }

  /// ABORT TASK SET (SAM-5, 7.3): this initiator's commands that were not executed yet are aborted.
  public func abortTaskSet(of nexus: Nexus) { nexus.abortTasks() }

  /// CLEAR TASK SET (SAM-5, 7.5): all commands that were not executed yet are aborted; of the other initiators, those in
  /// `losers` lost some and are told 6/2F/00.
  public func clearTaskSet(by nexus: Nexus, losers: [Nexus]) {
    for other in nexuses { other.abortTasks() }
    for other in losers where other !== nexus { other.raise(.commandsCleared) }
  }

  private func reset(_ attention: SenseCode) {
    for nexus in nexuses { nexus.reset(attention) }
    reservations.reserver = nil
    modes = ModePages(isCaching: configuration.isCaching)
    medium?.isCaching = modes.isCaching
    isSpinning = medium != nil
  }
}
