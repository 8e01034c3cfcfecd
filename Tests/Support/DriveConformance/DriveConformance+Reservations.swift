import Octets
import SCSI

/// What a drive does for several initiators.
extension DriveConformance {
  private static let reserve = "16 00 00 00 00 00", release = "17 00 00 00 00 00"

  /// PERSISTENT RESERVE OUT with its 24 octets of parameters (SPC-4, 6.16.3).
  private static func persist(
    _ bench: DriveBench, action: UInt8, type: UInt8 = 0, key: UInt8 = 0, newKey: UInt8 = 0,
    on other: (any CDBTransport)? = nil, line: Int = #line
  ) throws {
    let cdb = try bench.cdb("5F \(Hex.encode([action])) \(Hex.encode([type])) 00 00 00 00 00 18 00")
    let parameters = [UInt8](repeating: 0, count: 7) + [key] + [UInt8](repeating: 0, count: 7) + [newKey]
    try bench.demandGood(cdb, sending: parameters + [UInt8](repeating: 0, count: 8), on: other, line: line)
  }

  private static func demandConflict(
    _ bench: DriveBench, _ cdb: CDB, on other: any CDBTransport, line: Int = #line
  ) throws {
    let outcome = try other.execute(cdb)
    try bench.demand(outcome.status == .reservationConflict, "it ends with \(outcome.text)", line: line)
  }

  static let reservations: [Check] = [
    Check("a reserved drive serves one initiator, and tells others only what it is") { bench in
      guard bench.drive.hasManyInitiators else { return }
      let other = try bench.otherInitiator()
      try bench.demandGood(try bench.cdb(reserve))
      try demandConflict(bench, .testUnitReady, on: other)
      try demandConflict(bench, .verify(BlockRange(first: 0, count: 1), .none) ?? .testUnitReady, on: other)
      try bench.demand(try other.fetch(.inquiry(), upTo: 36).outcome.status == .good, "INQUIRY is refused")
      try bench.demandGood(.testUnitReady)
      // RELEASE by who holds nothing changes nothing.
      try bench.demandGood(try bench.cdb(release), on: other)
      try demandConflict(bench, .testUnitReady, on: other)
      try bench.demandGood(try bench.cdb(release))
      try bench.demandGood(.testUnitReady, on: other)
    },
    Check("a reservation goes with its initiator") { bench in
      guard bench.drive.hasManyInitiators else { return }
      do {
        let other = try bench.otherInitiator()
        try bench.demandGood(try bench.cdb(reserve), on: other)
        try demandConflict(bench, .testUnitReady, on: bench.transport)
      }
      // The drive may tell that it was released; then the command is sent again.
      if try bench.transport.execute(.testUnitReady).status != .good { try bench.demandGood(.testUnitReady) }
    },
    Check("a persistent reservation keeps out who is not registered") { bench in
      guard bench.drive.hasManyInitiators else { return }
      let other = try bench.otherInitiator()
      let block = BlockRange(first: bench.playground, count: 1)
      try persist(bench, action: 0x06, newKey: 0xA5)
      try persist(bench, action: 0x01, type: 0x03, key: 0xA5)  // exclusive access
      let keys = try bench.answer(try bench.cdb("5E 00 00 00 00 00 00 01 00 00"), upTo: 256)
      try bench.demand(keys.count >= 16 && keys[15] == 0xA5, "the registered key is not among \(Hex.encode(keys))")
      let reservation = try bench.answer(try bench.cdb("5E 01 00 00 00 00 00 01 00 00"), upTo: 256)
      try bench.demand(reservation.count >= 24 && reservation[21] & 0x0F == 0x03, "it is not exclusive access")
      let outcome = try other.fetch(.read(block), upTo: bench.blockSize).outcome
      try bench.demand(outcome.status == .reservationConflict, "READ ends with \(outcome.text)")
      _ = try bench.read(block)
      try persist(bench, action: 0x02, type: 0x03, key: 0xA5)
      try bench.demand(
        try other.fetch(.read(block), upTo: bench.blockSize).outcome.status == .good, "it is still reserved")
      try persist(bench, action: 0x00, key: 0xA5)  // unregisters
      let none = try bench.answer(try bench.cdb("5E 00 00 00 00 00 00 01 00 00"), upTo: 256)
      try bench.demand(none.count, is: 8, "octets of an empty list of keys")
    },
    Check("who keeps the medium in keeps it in for all") { bench in
      guard bench.drive.hasManyInitiators else { return }
      let other = try bench.otherInitiator()
      try bench.demandGood(.preventAllowMediumRemoval(prevent: true), on: other)
      try bench.demandCheck(.mediumRemovalPrevented, .startStopUnit(start: false, loadEject: true))
      try bench.demandGood(.preventAllowMediumRemoval(prevent: false), on: other)
    },
  ]
}
