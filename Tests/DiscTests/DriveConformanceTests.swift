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

  @Test(arguments: [PeripheralType.opticalMemory, .directAccess])
  func aDriveThatManyShareConforms(_ type: PeripheralType) throws {
    let disc = try VolumeBench.blank(id: 0xC5)
    let protected = BlockRange(first: 100_000, count: 16)
    disc.protection.ranges = [protected]
    let drive = SharedDrive(configuration: DriveConfiguration(peripheralType: type), medium: disc)
    let underTest = DriveUnderTest(
      hasManyInitiators: true, maximumTransfer: 1 << 20, mediumID: [UInt8](repeating: 0xC5, count: 16),
      protected: protected
    ) { drive.connect() }
    for failure in DriveConformance.failures(of: underTest) { Issue.record(failure) }
  }

  /// What a check puts on the disc, it takes off again.
  @Test func theChecksLeaveTheDiscAsItWas() throws {
    let disc = try VolumeBench.blank()
    let drive = EmulatedDrive(medium: disc)
    let playground = BlockRange(first: UInt64(disc.geometry.blockCount / 3), count: 256)
    let before = (0..<(256 * 512)).map { UInt8(truncatingIfNeeded: $0 &* 31 / 7) }
    try disc.write(playground, from: before.span.bytes)
    #expect(DriveConformance.failures(of: DriveUnderTest { drive }).isEmpty)
    var after = [UInt8](repeating: 0, count: before.count)
    var span = after.mutableSpan
    var bytes = span.mutableBytes
    try disc.read(playground, into: &bytes)
    #expect(after == before)
  }
}
