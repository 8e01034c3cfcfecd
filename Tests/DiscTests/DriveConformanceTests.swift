import DiscDriver
import DiscEmulator
import DriveConformance
import DriveFirmware
import SCSI
import Testing

/// What every drive must do, done by the emulated one in this process.
@Suite struct DriveConformanceTests {
  @Test(arguments: [PeripheralType.opticalMemory, .directAccess], [MediumGeometry.mb128, .mb640])
  func anEmulatedDriveInThisProcessConforms(_ type: PeripheralType, _ geometry: MediumGeometry) throws {
    let disc = try VolumeBench.blank(geometry, id: 0xC4)
    let drive = EmulatedDrive(configuration: DriveConfiguration(peripheralType: type), medium: disc)
    let underTest = DriveUnderTest(mediumID: disc.factoryRecord.mediumID) { drive }
    for failure in DriveConformance.failures(of: underTest) { Issue.record(failure) }
  }
}
