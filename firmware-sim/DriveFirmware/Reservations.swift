import SCSI

/// Who has reserved the drive: by RESERVE (SPC-2, 5.5.1), or persistently (SPC-4, 5.12).
///
/// Persistent reservations outlive connections and resets, but not a loss of power: the drive has no memory for them, and
/// says so (PTPL_C).
struct Reservations {
  /// The most initiators that can register.
  static let maximumRegistrations = 32

  /// A key that an initiator registered.
  struct Registration {
    let identity: InitiatorIdentity
    var key: UInt64
  }

  /// A persistent reservation. ``holder`` does not count if all registrants hold it.
  struct Persistent {
    var type: ReservationType
    var holder: InitiatorIdentity
  }

  /// Who took the drive by RESERVE.
  var reserver: Nexus?

  /// The registrations, the oldest first.
  var registrations: [Registration] = []

  /// How often the registrations changed (PRGENERATION).
  var generation: UInt32 = 0

  /// The persistent reservation.
  var persistent: Persistent?

  /// What `identity` registered.
  func registration(of identity: InitiatorIdentity) -> Registration? {
    registrations.first { $0.identity == identity }
  }

  /// Whether `identity` holds the persistent reservation.
  func isHeld(by identity: InitiatorIdentity) -> Bool {
    guard let persistent, registration(of: identity) != nil else { return false }
    return persistent.type.isHeldByAllRegistrants || persistent.holder == identity
  }

  /// Whether `registration` holds the persistent reservation.
  func isHeld(by registration: Registration) -> Bool { isHeld(by: registration.identity) }

  /// Forgets what this initiator took by RESERVE.
  mutating func release(by nexus: Nexus) {
    if reserver === nexus { reserver = nil }
  }

  /// Registers a key, in place of another one if there is such; `false` if there is no room.
  mutating func register(_ identity: InitiatorIdentity, key: UInt64) -> Bool {
    if let index = registrations.firstIndex(where: { $0.identity == identity }) {
      registrations[index].key = key
    } else {
      guard registrations.count < Reservations.maximumRegistrations else { return false }
      registrations.append(Registration(identity: identity, key: key))
    }
    return true
  }

  /// Removes the registration of `identity`; with it goes the reservation, if nobody else holds it.
  ///
  /// - Returns: the type of the reservation that went.
  mutating func unregister(_ identity: InitiatorIdentity) -> ReservationType? {
    let wasHolder = isHeld(by: identity)
    registrations.removeAll { $0.identity == identity }
    guard wasHolder, let persistent else { return nil }
    guard !persistent.type.isHeldByAllRegistrants || registrations.isEmpty else { return nil }
    self.persistent = nil
    return persistent.type
  }
}
