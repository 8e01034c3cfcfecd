/// The service actions of PERSISTENT RESERVE IN (SPC-4, 6.15.1).
public enum ReservationQuery: UInt8, Hashable, Sendable, CaseIterable {
  /// All registered keys.
  case readKeys = 0x00
  /// The reservation, if there is one.
  case readReservation = 0x01
  /// What the drive can do.
  case reportCapabilities = 0x02
  /// Every registration with its initiator.
  case readFullStatus = 0x03
}

/// The service actions of PERSISTENT RESERVE OUT (SPC-4, 6.16.2).
public enum ReservationAction: UInt8, Hashable, Sendable, CaseIterable {
  /// Registers or unregisters a key.
  case register = 0x00
  /// Reserves.
  case reserve = 0x01
  /// Releases.
  case release = 0x02
  /// Removes the reservation and all registrations.
  case clear = 0x03
  /// Takes the reservation over, or removes registrations.
  case preempt = 0x04
  /// The same, and aborts the commands of those who lose.
  case preemptAndAbort = 0x05
  /// Registers whatever was registered before.
  case registerAndIgnoreExistingKey = 0x06
  /// Registers another initiator and hands the reservation over to it.
  case registerAndMove = 0x07
}

/// What a persistent reservation keeps others from (SPC-4, 6.15.3.4).
public enum ReservationType: UInt8, Hashable, Sendable, CaseIterable {
  /// Others do not write.
  case writeExclusive = 0x1
  /// Others neither read nor write.
  case exclusiveAccess = 0x3
  /// Those not registered do not write.
  case writeExclusiveRegistrantsOnly = 0x5
  /// Those not registered neither read nor write.
  case exclusiveAccessRegistrantsOnly = 0x6
  /// Those not registered do not write, and all registered hold the reservation.
  case writeExclusiveAllRegistrants = 0x7
  /// Those not registered neither read nor write, and all registered hold the reservation.
  case exclusiveAccessAllRegistrants = 0x8

  /// Whether others may read.
  public var allowsReading: Bool {
    switch self {
    case .writeExclusive, .writeExclusiveRegistrantsOnly, .writeExclusiveAllRegistrants: true
    default: false
    }
  }

  /// Whether whoever is registered may do everything.
  public var isSharedByRegistrants: Bool { self != .writeExclusive && self != .exclusiveAccess }

  /// Whether every registered initiator holds the reservation.
  public var isHeldByAllRegistrants: Bool {
    self == .writeExclusiveAllRegistrants || self == .exclusiveAccessAllRegistrants
  }
}
