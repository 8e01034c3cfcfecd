import DiscEmulator
import DriveFirmware
import SCSI
import Testing

@Suite struct UnitAttentionTests {
  @Test func aPendingAttentionIsReportedOnceAndDoesNotExecuteTheCommand() throws {
    let disc = try memoryDisc()
    let drive = EmulatedDrive(medium: disc)
    #expect(try drive.write(pattern(512), at: 0).senseData?.code == .powerOnOrReset)
    #expect(try drive.read(1, at: 0).data == [UInt8](repeating: 0, count: 512))
    #expect(try drive.code(.testUnitReady) == nil)
  }

  @Test func inquiryReportLUNsAndRequestSenseGoThrough() throws {
    let drive = EmulatedDrive(medium: try memoryDisc())
    #expect(try drive.fetch(.inquiry(), upTo: 36).outcome.status == .good)
    #expect(try drive.fetch(.reportLUNs(), upTo: 16).outcome.status == .good)
    let (outcome, data) = try drive.fetch(.requestSense(), upTo: 18)
    #expect(outcome.status == .good)
    #expect(try SenseData(parsing: data.span.bytes).code == .powerOnOrReset, "reported as data, and thereby cleared")
    #expect(try drive.code(.testUnitReady) == nil)
    #expect(try lend(drive.fetch(.requestSense(), upTo: 18).data) { try SenseData(parsing: $0).code } == .noSense)
  }

  @Test func attentionsAreReportedInOrderAndNoneTwice() throws {
    let disc = try memoryDisc()
    let drive = EmulatedDrive()
    for _ in 0..<3 {
      try drive.insert(disc)
      try drive.eject()
    }
    try drive.insert(disc)
    #expect(try drive.code(.testUnitReady) == .powerOnOrReset)
    #expect(try drive.code(.testUnitReady) == .mediumMayHaveChanged)
    #expect(try drive.code(.testUnitReady) == nil)
  }

  @Test func everyInitiatorIsTold() throws {
    let disc = try memoryDisc()
    let controller = DriveController()
    let one = controller.connect()
    let two = controller.connect()
    func test(_ nexus: Nexus) throws -> SenseCode? {
      var nothing = MutableRawSpan()
      return try CDB.testUnitReady.withBytes {
        try controller.execute(cdb: $0, dataOut: RawSpan(), dataIn: &nothing, from: nexus)
      }.senseData?.code
    }
    #expect(try test(one) == .powerOnOrReset)
    #expect(try test(one) == .mediumNotPresent)
    try controller.insert(disc)
    #expect(try test(one) == .mediumMayHaveChanged)
    #expect(try test(one) == nil)
    #expect(try test(two) == .powerOnOrReset)
    #expect(try test(two) == .mediumMayHaveChanged)
    #expect(try test(two) == nil)
  }

  @Test func oneInitiatorsLockHoldsAgainstTheOther() throws {
    let controller = DriveController()
    try controller.insert(try memoryDisc())
    let one = controller.connect()
    let two = controller.connect()
    func run(_ cdb: CDB, _ nexus: Nexus) throws -> SenseCode? {
      var nothing = MutableRawSpan()
      return try cdb.withBytes {
        try controller.execute(cdb: $0, dataOut: RawSpan(), dataIn: &nothing, from: nexus)
      }.senseData?.code
    }
    _ = (try run(.testUnitReady, one), try run(.testUnitReady, two))
    #expect(try run(.preventAllowMediumRemoval(prevent: true), one) == nil)
    #expect(try run(.preventAllowMediumRemoval(prevent: false), two) == nil)
    #expect(try run(.startStopUnit(start: false, loadEject: true), two) == .mediumRemovalPrevented)
    #expect(throws: DriveController.MechanismError.removalPrevented) { _ = try controller.eject() }
    controller.disconnect(one)
    #expect(try run(.startStopUnit(start: false, loadEject: true), two) == nil)
    #expect(controller.takeEjected() != nil)
    #expect(controller.takeEjected() == nil)
  }

  @Test func mechanism() throws {
    let disc = try memoryDisc()
    let drive = try EmulatedDrive.ready(disc)
    #expect(throws: DriveController.MechanismError.occupied) { try drive.insert(disc) }
    #expect(try drive.code(.preventAllowMediumRemoval(prevent: true)) == nil)
    #expect(throws: DriveController.MechanismError.removalPrevented) { try drive.eject() }
    drive.powerCycle()
    try drive.eject()
    #expect(throws: DriveController.MechanismError.empty) { try drive.eject() }
    #expect(throws: DriveController.MechanismError.empty) { try drive.pullOut() }
    try drive.insert(disc)
    _ = (try drive.code(.testUnitReady), try drive.code(.testUnitReady))
    #expect(try drive.code(.preventAllowMediumRemoval(prevent: true)) == nil)
    try drive.pullOut()
    #expect(try drive.code(.testUnitReady) == .mediumNotPresent)
  }

  @Test func aMediumThatCannotBeMadeLastingStaysInside() throws {
    let medium = FaultyMedium(try memoryDisc())
    let drive = try EmulatedDrive.ready(medium)
    medium.synchronizeFailure = .failure
    #expect(throws: DriveController.MechanismError.notSynchronized) { try drive.eject() }
    #expect(try drive.code(.testUnitReady) == nil)
  }

  @Test func stoppingAndStarting() throws {
    let drive = try EmulatedDrive.ready(try memoryDisc())
    #expect(try drive.code(.startStopUnit(start: false)) == nil)
    #expect(try drive.code(.testUnitReady) == nil, "spun up by the first command that needs it")
    #expect(try drive.code(.startStopUnit(start: true)) == nil)
    #expect(try drive.code(.testUnitReady) == nil)
  }
}
