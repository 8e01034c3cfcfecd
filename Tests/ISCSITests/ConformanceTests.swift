import DriveFirmware
import DriveRig
import SCSI
import Testing

/// The public test suite for SCSI over iSCSI, against the drive as both device types and with both block sizes.
@Suite struct ConformanceTests {
  struct Run: Sendable, CustomTestStringConvertible {
    let type: PeripheralType
    let geometry: MediumGeometry
    /// Tests that must really pass; those that skip themselves do not count.
    let least: Int

    var testDescription: String { "type \(type), \(geometry.blockSize) octets" }
  }

  static let runs = [
    Run(type: .directAccess, geometry: .mb128, least: 174), Run(type: .directAccess, geometry: .mb640, least: 174),
    Run(type: .opticalMemory, geometry: .mb128, least: 103), Run(type: .opticalMemory, geometry: .mb640, least: 103),
  ]

  @Test(arguments: runs) func iscsiTestPassesAllThatADriveLikeThisSupports(_ run: Run) throws {
    let target = try PrivateTarget(run.type, geometry: run.geometry)
    defer { target.stop() }
    let report = try ISCSITestReport.run(at: [target.url()])
    let passed = report.names(.passed).count
    print("iscsi-test-cu, \(run.testDescription): \(passed) passed, \(report.names(.skipped).count) skipped")
    #expect(report.names(.failed) == [], "\(report.complaints)")
    #expect(passed >= run.least, "skipped: \(report.names(.skipped))")
  }

  @Test func twoPathsLeadToOneDrive() throws {
    let target = try PrivateTarget()
    defer { target.stop() }
    let report = try ISCSITestReport.run("ALL.MultipathIO", at: [target.url(), target.url()])
    #expect(report.names(.failed) == [], "\(report.complaints)")
    #expect(report.names(.passed).count == 4, "skipped: \(report.names(.skipped))")
  }
}
