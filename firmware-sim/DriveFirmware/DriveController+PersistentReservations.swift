import Octets
import SCSI

// PERSISTENT RESERVE OUT (SPC-4, 5.12 and 6.16).
extension DriveController {
  /// The relative identifier of the drive's one port.
  static let targetPort: UInt16 = 1

  /// What PERSISTENT RESERVE OUT brings.
  private struct Parameters {
    /// The key that the initiator registered before.
    let key: UInt64
    /// The key that the action is about.
    let actionKey: UInt64
  }

  /// Carries out an action; ``allows(_:from:)`` has seen to RESERVE.
  func reserve(
    _ action: ReservationAction, _ scopeAndType: UInt8, _ length: UInt32, _ dataOut: RawSpan, _ nexus: Nexus
  ) throws(CommandFailure) {
    try requireData(UInt64(length), dataOut)
    let list = dataOut.extracting(0..<Int(length))
    if action == .registerAndMove { return try registerAndMove(list, nexus) }
    let parameters = try parameters(list)
    switch action {
    case .register: try register(parameters, ignoringKey: false, nexus)
    case .registerAndIgnoreExistingKey: try register(parameters, ignoringKey: true, nexus)
    case .reserve: try reserve(scopeAndType, parameters, nexus)
    case .release: try release(scopeAndType, parameters, nexus)
    case .clear: try clear(parameters, nexus)
    case .preempt: try preempt(scopeAndType, parameters, nexus, aborting: false)
    case .preemptAndAbort: try preempt(scopeAndType, parameters, nexus, aborting: true)
    case .registerAndMove: break
    }
  }

  private func parameters(_ list: RawSpan) throws(CommandFailure) -> Parameters {
    guard list.byteCount == 24 else { throw .sense(SenseData(.parameterListLengthError)) }
    for (bits, bit) in [(0x08, 3), (0x04, 2), (0x01, 0)] as [(UInt8, UInt8)] where list[octet: 20] & bits != 0 {
      throw .invalidParameter(20, bit: bit)  // SPEC_I_PT, ALL_TG_PT, APTPL: none of these is supported
    }
    return Parameters(key: DriveController.key(list, at: 0), actionKey: DriveController.key(list, at: 8))
  }

  private static func key(_ list: RawSpan, at offset: Int) -> UInt64 {
    var key: UInt64 = 0
    for index in 0..<8 { key = key << 8 | UInt64(list[octet: offset + index]) }
    return key
  }

  private func register(
    _ parameters: Parameters, ignoringKey: Bool, _ nexus: Nexus
  ) throws(CommandFailure) {
    let known = reservations.registration(of: nexus.identity)
    guard ignoringKey || parameters.key == known?.key ?? 0 else { throw .status(.reservationConflict) }
    if parameters.actionKey != 0 {
      guard reservations.register(nexus.identity, key: parameters.actionKey) else {
        throw .sense(SenseData(.insufficientRegistrationResources))
      }
      reservations.generation &+= 1
    } else if known != nil {
      let released = reservations.unregister(nexus.identity)
      reservations.generation &+= 1
      if let released, released.isSharedByRegistrants { tellRegistered(.reservationsReleased, except: nexus.identity) }
    }
  }

  private func reserve(_ scopeAndType: UInt8, _ parameters: Parameters, _ nexus: Nexus) throws(CommandFailure) {
    try requireKey(parameters, nexus)
    let type = try type(scopeAndType)
    guard let persistent = reservations.persistent else {
      reservations.persistent = Reservations.Persistent(type: type, holder: nexus.identity)
      return
    }
    guard reservations.isHeld(by: nexus.identity), persistent.type == type else { throw .status(.reservationConflict) }
  }

  private func release(_ scopeAndType: UInt8, _ parameters: Parameters, _ nexus: Nexus) throws(CommandFailure) {
    try requireKey(parameters, nexus)
    guard let persistent = reservations.persistent, reservations.isHeld(by: nexus.identity) else { return }
    guard scopeAndType == persistent.type.rawValue else { throw .sense(SenseData(.invalidReleaseOfReservation)) }
    reservations.persistent = nil
    if persistent.type.isSharedByRegistrants { tellRegistered(.reservationsReleased, except: nexus.identity) }
  }

  private func clear(_ parameters: Parameters, _ nexus: Nexus) throws(CommandFailure) {
    try requireKey(parameters, nexus)
    tellRegistered(.reservationsPreempted, except: nexus.identity)
    reservations.registrations = []
    reservations.persistent = nil
    reservations.generation &+= 1
  }

  /// PREEMPT: whoever registered the action's key loses it; who thereby loses the reservation loses it to this initiator.
  private func preempt(
    _ scopeAndType: UInt8, _ parameters: Parameters, _ nexus: Nexus, aborting: Bool
  ) throws(CommandFailure) {
    try requireKey(parameters, nexus)
    let old = reservations.persistent
    let isHeldByAll = old?.type.isHeldByAllRegistrants ?? false
    let key = parameters.actionKey
    guard key != 0 || isHeldByAll else { throw .invalidParameter(8) }
    let takesOver: Bool
    if let old, !isHeldByAll {
      takesOver = reservations.registration(of: old.holder)?.key == key
    } else {
      takesOver = isHeldByAll && key == 0
    }
    let type = takesOver ? try type(scopeAndType) : nil

    var losers: [InitiatorIdentity] = []
    for registration in reservations.registrations
    where (key == 0 || registration.key == key) && !(takesOver && registration.identity == nexus.identity) {
      losers.append(registration.identity)
    }
    guard takesOver || !losers.isEmpty else { throw .status(.reservationConflict) }
    remove(losers, by: nexus, aborting: aborting)
    if let type { takeOver(from: old, type, nexus) }
    reservations.generation &+= 1
  }

  private func remove(_ losers: [InitiatorIdentity], by nexus: Nexus, aborting: Bool) {
    for loser in losers {
      _ = reservations.unregister(loser)
      for other in nexuses where other.identity == loser {
        if aborting { other.abortTasks() }
        if other !== nexus { other.raise(.registrationsPreempted) }
      }
    }
  }

  private func takeOver(from old: Reservations.Persistent?, _ type: ReservationType, _ nexus: Nexus) {
    reservations.persistent = Reservations.Persistent(type: type, holder: nexus.identity)
    if let old, old.type != type, old.type.isSharedByRegistrants {
      tellRegistered(.reservationsReleased, except: nexus.identity)
    }
  }

  /// REGISTER AND MOVE (SPC-4, 5.12.8): the reservation goes to the initiator that the list names.
  private func registerAndMove(_ list: RawSpan, _ nexus: Nexus) throws(CommandFailure) {
    guard list.byteCount >= 24 else { throw .sense(SenseData(.parameterListLengthError)) }
    guard list[octet: 17] & 0x01 == 0 else { throw .invalidParameter(17, bit: 0) }  // APTPL
    let parameters = Parameters(key: DriveController.key(list, at: 0), actionKey: DriveController.key(list, at: 8))
    try requireKey(parameters, nexus)
    guard let persistent = reservations.persistent, !persistent.type.isHeldByAllRegistrants,
      persistent.holder == nexus.identity
    else { throw .status(.reservationConflict) }
    guard parameters.actionKey != 0 else { throw .invalidParameter(8) }
    let port = UInt16(list[octet: 18]) << 8 | UInt16(list[octet: 19])
    guard port == DriveController.targetPort else { throw .invalidParameter(18) }
    let successor = try successor(list)
    guard successor != nexus.identity else { throw .invalidParameter(24) }
    guard reservations.register(successor, key: parameters.actionKey) else {
      throw .sense(SenseData(.insufficientRegistrationResources))
    }
    reservations.persistent = Reservations.Persistent(type: persistent.type, holder: successor)
    if list[octet: 17] & 0x02 != 0 { _ = reservations.unregister(nexus.identity) }  // UNREG
    reservations.generation &+= 1
  }

  private func successor(_ list: RawSpan) throws(CommandFailure) -> InitiatorIdentity {
    var length: UInt64 = 0
    for index in 20..<24 { length = length << 8 | UInt64(list[octet: index]) }
    guard UInt64(list.byteCount) == 24 + length else { throw .sense(SenseData(.parameterListLengthError)) }
    var octets: [UInt8] = []
    for index in 24..<list.byteCount { octets.append(list[octet: index]) }
    guard let identity = InitiatorIdentity(transportID: octets) else { throw .invalidParameter(24) }
    return identity
  }

  // MARK: Checks and news

  /// Refuses an initiator that is not registered with the key that it gives.
  private func requireKey(_ parameters: Parameters, _ nexus: Nexus) throws(CommandFailure) {
    guard let known = reservations.registration(of: nexus.identity), known.key == parameters.key else {
      throw .status(.reservationConflict)
    }
  }

  /// The type, of a reservation of the whole logical unit.
  private func type(_ scopeAndType: UInt8) throws(CommandFailure) -> ReservationType {
    guard scopeAndType >> 4 == 0 else { throw .invalidField(2, bit: 7) }
    guard let type = ReservationType(rawValue: scopeAndType) else { throw .invalidField(2, bit: 3) }
    return type
  }

  private func tellRegistered(_ attention: SenseCode, except identity: InitiatorIdentity) {
    for nexus in nexuses where nexus.identity != identity && reservations.registration(of: nexus.identity) != nil {
      nexus.raise(attention)
    }
  }
}
