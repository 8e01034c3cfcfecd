import DriveFirmware
import Octets
import SCSI
import Testing

@Suite struct ReservationTests {
  static let read: [UInt8] = [0x08, 0, 0, 0, 1, 0]
  static let write: [UInt8] = [0x0A, 0, 0, 0, 1, 0]
  static let block = [UInt8](repeating: 7, count: 512)
  static let reserve6: [UInt8] = [0x16, 0, 0, 0, 0, 0]
  static let release6: [UInt8] = [0x17, 0, 0, 0, 0, 0]

  /// Whether another initiator may read and write, unregistered and registered.
  static let access: [(ReservationType, read: Bool, write: Bool, registeredRead: Bool, registeredWrite: Bool)] = [
    (.writeExclusive, true, false, true, false), (.exclusiveAccess, false, false, false, false),
    (.writeExclusiveRegistrantsOnly, true, false, true, true),
    (.exclusiveAccessRegistrantsOnly, false, false, true, true),
    (.writeExclusiveAllRegistrants, true, false, true, true),
    (.exclusiveAccessAllRegistrants, false, false, true, true),
  ]

  @Test(arguments: access) func everyTypeKeepsOthersFromWhatItSays(
    _ row: (ReservationType, read: Bool, write: Bool, registeredRead: Bool, registeredWrite: Bool)
  ) throws {
    let bench = try DriveBench()
    try bench.reserve(.register, actionKey: 1)
    #expect(try bench.reserve(.reserve, type: row.0.rawValue, key: 1).status == .good)
    #expect(try bench.reserve(.reserve, type: row.0.rawValue, key: 1).status == .good, "again, the same")
    func othersCan() throws -> [Bool] {
      [
        try bench.fetch(ReservationTests.read, from: bench.other).outcome.status == .good,
        try bench.run(ReservationTests.write, ReservationTests.block, from: bench.other).status == .good,
      ]
    }
    #expect(try othersCan() == [row.read, row.write])
    #expect(try bench.run(.testUnitReady, from: bench.other).status == .good)
    #expect(try bench.fetch([0x5E, 1, 0, 0, 0, 0, 0, 0, 24, 0], from: bench.other).outcome.status == .good)
    #expect(try bench.run([0x1B, 0, 0, 0, 0, 0], from: bench.other).status == .reservationConflict)
    try bench.reserve(.register, actionKey: 2, from: bench.other)
    #expect(try othersCan() == [row.registeredRead, row.registeredWrite])
    #expect(try bench.run(ReservationTests.write, ReservationTests.block).status == .good, "the holder may")

    let told = try bench.fetch([0x5E, 1, 0, 0, 0, 0, 0, 0, 24, 0]).data
    let key: UInt8 = row.0.isHeldByAllRegistrants ? 0 : 1
    #expect(told.suffix(16) == [0, 0, 0, 0, 0, 0, 0, key, 0, 0, 0, 0, 0, row.0.rawValue, 0, 0])
    #expect(try bench.reserve(.release, type: row.0.rawValue, key: 1).status == .good)
    let attention = try bench.run(.testUnitReady, from: bench.other).senseData?.code
    #expect(attention == (row.0.isSharedByRegistrants ? .reservationsReleased : nil))
    #expect(try othersCan() == [true, true])
  }

  @Test func registrationsAreByIdentityAndOutliveConnectionAndReset() throws {
    let bench = try DriveBench()
    let identity = try #require(InitiatorIdentity(iSCSIName: Array("iqn.a".utf8), isid: [0x80, 0, 0, 0, 0, 1]))
    let first = bench.controller.connect(identity)
    try bench.run(.testUnitReady, from: first)
    try bench.reserve(.register, actionKey: 5, from: first)
    try bench.reserve(.reserve, type: 3, key: 5, from: first)
    bench.controller.disconnect(first)
    bench.controller.reset(.target)
    try bench.run(.testUnitReady)
    #expect(try bench.run(ReservationTests.read).status == .reservationConflict)
    let second = bench.controller.connect(identity)
    try bench.run(.testUnitReady, from: second)
    #expect(try bench.fetch(ReservationTests.read, from: second).outcome.status == .good)

    let status = try bench.fetch([0x5E, 3, 0, 0, 0, 0, 0, 4, 0, 0]).data
    #expect(status.prefix(8) == [0, 0, 0, 1, 0, 0, 0, UInt8(24 + identity.transportID.count)])
    #expect(status[15] == 5 && status[20] == 1 && status[21] == 3, "key, holder, type")
    #expect(Array(status[26...27]) == [0, 1] && Array(status[32...]) == identity.transportID)

    bench.controller.powerOn()
    try bench.run(.testUnitReady)
    #expect(try bench.fetch([0x5E, 0, 0, 0, 0, 0, 0, 0, 24, 0]).data == [UInt8](repeating: 0, count: 8))
  }

  @Test func capabilitiesSayThatNothingOutlivesALossOfPower() throws {
    let bench = try DriveBench()
    #expect(try bench.fetch([0x5E, 2, 0, 0, 0, 0, 0, 0, 8, 0]).data == [0, 8, 0, 0x80, 0xEA, 0x01, 0, 0])
  }

  @Test func preemptingTakesOver() throws {
    let bench = try DriveBench()
    try bench.reserve(.register, actionKey: 1)
    try bench.reserve(.register, actionKey: 2, from: bench.other)
    try bench.reserve(.reserve, type: 3, key: 1)
    let generation = bench.one.taskSetGeneration
    #expect(try bench.reserve(.preemptAndAbort, type: 1, key: 2, actionKey: 1, from: bench.other).status == .good)
    #expect(bench.one.taskSetGeneration != generation, "its commands are aborted")
    #expect(try bench.run(.testUnitReady).senseData?.code == .registrationsPreempted)
    #expect(try bench.run(ReservationTests.write, ReservationTests.block).status == .reservationConflict)
    let keys = try bench.fetch([0x5E, 0, 0, 0, 0, 0, 0, 0, 24, 0]).data
    #expect(keys == [0, 0, 0, 3, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 2])
    #expect(
      try bench.reserve(.preempt, type: 1, key: 2, actionKey: 9, from: bench.other).status == .reservationConflict)
  }

  @Test func allRegistrantsArePreemptedByKeyZero() throws {
    let bench = try DriveBench()
    try bench.reserve(.register, actionKey: 1)
    try bench.reserve(.register, actionKey: 2, from: bench.other)
    try bench.reserve(.reserve, type: 7, key: 1)
    #expect(try bench.reserve(.register, key: 1).status == .good, "the reservation stays with the others")
    #expect(try bench.run(ReservationTests.write, ReservationTests.block).status == .reservationConflict)
    try bench.reserve(.register, actionKey: 1)
    #expect(try bench.reserve(.preempt, type: 8, key: 2, from: bench.other).status == .good)
    #expect(try bench.run(.testUnitReady).senseData?.code == .registrationsPreempted)
    #expect(try bench.run(ReservationTests.read).status == .reservationConflict)
  }

  @Test func theReservationMovesToWhomItsHolderNames() throws {
    let bench = try DriveBench()
    try bench.reserve(.register, actionKey: 1)
    try bench.reserve(.reserve, type: 3, key: 1)
    let name = bench.other.identity.transportID
    var list = [UInt8](repeating: 0, count: 24)
    (list[7], list[15], list[17], list[19], list[23]) = (1, 9, 2, 1, UInt8(name.count))
    list += name
    #expect(try bench.run([0x5F, 7, 0, 0, 0, 0, 0, 0, UInt8(list.count), 0], list).status == .good)
    #expect(try bench.fetch(ReservationTests.read, from: bench.other).outcome.status == .good)
    #expect(try bench.run(ReservationTests.read).status == .reservationConflict)
    #expect(try bench.reserve(.release, type: 3, key: 9, from: bench.other).status == .good)
  }

  @Test func unregisteringTheHolderReleases() throws {
    let bench = try DriveBench()
    try bench.reserve(.registerAndIgnoreExistingKey, actionKey: 1)
    try bench.reserve(.registerAndIgnoreExistingKey, actionKey: 4)
    #expect(try bench.reserve(.register, key: 1, actionKey: 2).status == .reservationConflict, "not the key any more")
    try bench.reserve(.register, actionKey: 2, from: bench.other)
    try bench.reserve(.reserve, type: 6, key: 4)
    #expect(try bench.reserve(.registerAndIgnoreExistingKey).status == .good)
    #expect(try bench.run(.testUnitReady, from: bench.other).senseData?.code == .reservationsReleased)
    #expect(try bench.fetch([0x5E, 1, 0, 0, 0, 0, 0, 0, 24, 0]).data == [0, 0, 0, 4, 0, 0, 0, 0])
  }

  @Test func reserveAndRelease() throws {
    let bench = try DriveBench()
    #expect(try bench.run(ReservationTests.reserve6).status == .good)
    #expect(try bench.run(ReservationTests.reserve6).status == .good)
    #expect(try bench.run(ReservationTests.reserve6, from: bench.other).status == .reservationConflict)
    #expect(try bench.run(ReservationTests.release6, from: bench.other).status == .good, "changes nothing")
    #expect(try bench.fetch([0x1A, 0, 0x3F, 0, 255, 0], from: bench.other).outcome.status == .reservationConflict)
    #expect(try bench.fetch([0x12, 0, 0, 0, 36, 0], from: bench.other).outcome.status == .good)
    #expect(try bench.reserve(.register, actionKey: 1).status == .reservationConflict, "one kind at a time")
    bench.controller.reset(.nexusLoss(bench.one))
    #expect(try bench.run(ReservationTests.reserve6, from: bench.other).status == .good)
    bench.controller.disconnect(bench.other)
    try bench.run(.testUnitReady)
    #expect(try bench.run(ReservationTests.reserve6).status == .good)
    bench.controller.reset(.logicalUnit)
    let third = bench.controller.connect()
    try bench.run(.testUnitReady, from: third)
    #expect(try bench.run(ReservationTests.write, ReservationTests.block, from: third).status == .good)
  }
}
