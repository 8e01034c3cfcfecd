import SCSI

// The mechanism: what happens to the drive other than by data.
extension DriveController {
  /// Why a hand at the drive met resistance.
  public enum MechanismError: Error, Hashable, Sendable {
    /// There is a medium inside already.
    case occupied
    /// There is no medium inside.
    case empty
    /// An initiator has locked the medium in.
    case removalPrevented
    /// What was written could not be made lasting; the medium stays inside.
    case notSynchronized
  }

  /// Puts a medium in and spins it up; every initiator is told 6/28/00.
  public func insert(_ medium: any Medium) throws(MechanismError) {
    guard self.medium == nil else { throw .occupied }
    load(medium)
    for nexus in nexuses { nexus.raise(.mediumMayHaveChanged) }
  }

  /// The eject button: hands out the medium with everything written to it made lasting.
  public func eject() throws(MechanismError) -> any Medium {
    guard let medium else { throw .empty }
    guard !isRemovalPrevented else { throw .removalPrevented }
    do throws(MediumError) { try medium.synchronize() } catch { throw .notSynchronized }
    return unload(medium)
  }

  /// The paper clip: pulls the medium out, locked or not, with nothing made lasting.
  public func pullOut() throws(MechanismError) -> any Medium {
    guard let medium else { throw .empty }
    return unload(medium)
  }

  /// Hands over, once, the medium that START STOP UNIT ejected. Until then START STOP UNIT can load it again.
  public func takeEjected() -> (any Medium)? {
    defer { ejected = nil }
    return ejected
  }

  /// Whether any initiator has locked the medium in.
  public var isRemovalPrevented: Bool { nexuses.contains { $0.preventsRemoval } }

  /// The medium, if it is there; it turns then.
  func readyMedium() throws(CommandFailure) -> any Medium {
    guard let medium else { throw .sense(SenseData(.mediumNotPresent)) }
    isSpinning = true
    return medium
  }

  /// START STOP UNIT (SBC-3, 5.25). A medium that was stopped is spun up again by the next command that needs it.
  func startStop(_ request: DriveCommand.StartStopUnit, _ nexus: Nexus) throws(CommandFailure) {
    guard request.powerCondition == 0 else { return }  // the drive has its own mind about power
    if request.loadEject, isRemovalPrevented { throw .sense(SenseData(.mediumRemovalPrevented)) }
    if request.start {
      try start(loading: request.loadEject, nexus)
    } else {
      try stop(request)
    }
  }

  private func start(loading: Bool, _ nexus: Nexus) throws(CommandFailure) {
    if medium == nil, loading, let medium = takeEjected() {
      load(medium)
      // The one who asked for it need not be told.
      for other in nexuses where other !== nexus { other.raise(.mediumMayHaveChanged) }
    }
    _ = try readyMedium()
  }

  /// Ejecting from an empty drive changes nothing, and is no error.
  private func stop(_ request: DriveCommand.StartStopUnit) throws(CommandFailure) {
    guard let medium else {
      guard request.loadEject else { throw .sense(SenseData(.mediumNotPresent)) }
      return
    }
    if request.loadEject || !request.withoutFlush {
      do throws(MediumError) { try medium.synchronize() } catch { throw CommandFailure(error) }
    }
    if request.loadEject { ejected = unload(medium) } else { isSpinning = false }
  }

  private func load(_ medium: any Medium) {
    medium.isCaching = modes.isCaching
    self.medium = medium
    ejected = nil
    isSpinning = true
  }

  private func unload(_ medium: any Medium) -> any Medium {
    self.medium = nil
    isSpinning = false
    return medium
  }
}
