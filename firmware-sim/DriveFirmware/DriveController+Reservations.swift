import Octets
import SCSI

// RESERVE and RELEASE (SPC-2), and what reservations forbid.
extension DriveController {
  /// Whether reservations let this initiator do that; if not, the status is RESERVATION CONFLICT.
  func allows(_ command: DriveCommand, from nexus: Nexus) -> Bool {
    if let reserver = reservations.reserver {
      if case .persistentReserveOut = command { return false }
      if reserver !== nexus { return command.access == .always }
    }
    guard let persistent = reservations.persistent, !reservations.isHeld(by: nexus.identity) else { return true }
    if persistent.type.isSharedByRegistrants, reservations.registration(of: nexus.identity) != nil { return true }
    switch command.access {
    case .always, .informing: return true
    case .reading: return persistent.type.allowsReading
    case .changing: return false
    }
  }

  /// RESERVE: not where anybody has registered for persistent reservations.
  func reserve(_ nexus: Nexus) throws(CommandFailure) {
    guard reservations.registrations.isEmpty else { throw .status(.reservationConflict) }
    reservations.reserver = nexus
  }

  /// RELEASE: of what another initiator reserved, nothing.
  func release(_ nexus: Nexus) throws(CommandFailure) {
    guard reservations.registrations.isEmpty else { throw .status(.reservationConflict) }
    reservations.release(by: nexus)
  }

  /// PERSISTENT RESERVE IN (SPC-4, 6.15).
  func reservations(
    _ query: ReservationQuery, _ allocation: UInt32, _ dataIn: inout MutableRawSpan
  ) throws(CommandFailure) -> Int {
    let reservations = reservations
    return try answer(allocation, &dataIn) { (buffer) throws(OctetError) in
      switch query {
      case .readKeys: try reservations.appendKeys(to: buffer)
      case .readReservation: try reservations.appendReservation(to: buffer)
      case .reportCapabilities: try Reservations.appendCapabilities(to: buffer)
      case .readFullStatus: try reservations.appendFullStatus(to: buffer)
      }
    }
  }
}

extension Reservations {
  fileprivate func appendKeys(to buffer: OctetBuffer) throws(OctetError) {
    try buffer.append(generation)
    try buffer.append(UInt32(registrations.count * 8))
    for registration in registrations { try buffer.append(registration.key) }
  }

  fileprivate func appendReservation(to buffer: OctetBuffer) throws(OctetError) {
    try buffer.append(generation)
    guard let persistent else { return try buffer.append(UInt32(0)) }
    try buffer.append(UInt32(16))
    let holder = persistent.type.isHeldByAllRegistrants ? nil : registration(of: persistent.holder)
    try buffer.append(holder?.key ?? 0)
    try buffer.append(repeating: 0, count: 5)
    try buffer.append(persistent.type.rawValue)  // scope 0h: the logical unit
    try buffer.append(UInt16(0))
  }

  /// All types; nothing outlives a loss of power, no registration through other ports.
  fileprivate static func appendCapabilities(to buffer: OctetBuffer) throws(OctetError) {
    try buffer.append(UInt16(8))
    try buffer.append(UInt8(0))
    try buffer.append(UInt8(0x80))  // TMV: the types that follow are valid
    try buffer.append(UInt16(0xEA01))
    try buffer.append(UInt16(0))
  }

  fileprivate func appendFullStatus(to buffer: OctetBuffer) throws(OctetError) {
    try buffer.append(generation)
    let octets = registrations.reduce(0) { $0 + 24 + $1.identity.transportID.count }
    try buffer.append(UInt32(clamping: octets))
    for registration in registrations {
      let holds = isHeld(by: registration)
      try buffer.append(registration.key)
      try buffer.append(UInt32(0))
      try buffer.append(UInt8(holds ? 0x01 : 0))  // R_HOLDER
      try buffer.append(holds ? persistent?.type.rawValue ?? 0 : 0)
      try buffer.append(UInt32(0))
      try buffer.append(DriveController.targetPort)
      try buffer.append(UInt32(clamping: registration.identity.transportID.count))
      try buffer.append(registration.identity.transportID.span.bytes)
    }
  }
}
