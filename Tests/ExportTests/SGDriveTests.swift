import DiscEmulator
import DriveConformance
import DriveFirmware
import DriveRig
import Octets
import SCSI
import Testing

/// The driver's SG_IO transport, from a process of its own, through a shim that turns SG_IO into iSCSI, to the emulated
/// drive: what every drive must do, it does unchanged over this way.
@Suite struct SGDriveTests {
  private func conform(
    _ target: PrivateTarget, through device: String, environment: [String: String] = [:]
  ) throws -> [Substring] {
    let device = try ShimmedDevice(device, url: target.url())
    let id = try #require(target.drive.withMedium { $0?.factoryRecord.mediumID })
    let answer = try device.run(
      try BuiltProgram.path("drive-probe"), ["conform", device.path, Hex.encode(id)], environment: environment)
    let lines = answer.text.split(separator: "\n")
    #expect(answer.status == 0, "\(lines.filter { !$0.hasPrefix("ok ") })")
    return lines
  }

  @Test(
    arguments: ["/dev/sg77", "/dev/bsg/7:0:0:0", "/dev/sdzz"], [PeripheralType.opticalMemory, .directAccess])
  func theDriveConformsOverSGIO(_ device: String, _ type: PeripheralType) throws {
    let target = try PrivateTarget(type)
    let lines = try conform(target, through: device).map(String.init)
    #expect(lines == DriveConformance.checks.map { "ok \($0.name)" })
  }

  @Test func theDriveConformsWithLargeBlocksAndSenseOfDescriptors() throws {
    let target = try PrivateTarget(.opticalMemory, geometry: .mb640)
    let lines = try conform(target, through: "/dev/sg77", environment: ["WARIFU_SHIM_SENSE": "descriptor"])
    #expect(lines.count == DriveConformance.checks.count)
  }

  @Test func M3_protectedBlocksAreSafeOverSGIO() throws {
    let record = try #require(FactoryRecord(mediumID: [1, 2, 3, 4], manufactured: 0))
    let disc = MemoryDisc(geometry: .mb128, factoryRecord: record)
    disc.protection.ranges = [BlockRange(first: 100_000, count: 16)]
    let target = try PrivateTarget(serving: SharedDrive(medium: disc))
    let device = try ShimmedDevice(url: target.url())
    let answer = try device.run(
      try BuiltProgram.path("drive-probe"), ["conform", device.path, "01020304", "100000", "16"])
    #expect(answer.status == 0, "\(answer.text.split(separator: "\n").filter { !$0.hasPrefix("ok ") })")
  }

  /// A drive that does not conform does not pass: the probe can tell.
  @Test func aWrongMediumIDIsNoticed() throws {
    let target = try PrivateTarget()
    let device = try ShimmedDevice(url: target.url())
    let answer = try device.run(
      try BuiltProgram.path("drive-probe"), ["conform", device.path, "0102030405060708"])
    #expect(answer.status == 1)
    #expect(answer.text.split(separator: "\n").filter { $0.hasPrefix("not ok ") }.count == 1, "\(answer.text)")
  }

  @Test func senseReachesTheDriverInEitherFormat() throws {
    let target = try PrivateTarget()
    let device = try ShimmedDevice(url: target.url())
    let probe = try BuiltProgram.path("drive-probe")
    // READ (10) of the last block that 32 bits can name.
    let arguments = ["command", device.path, "2800FFFFFFFF00000100", "512"]
    let fixed = try device.run(probe, arguments)
    let descriptors = try device.run(probe, arguments, environment: ["WARIFU_SHIM_SENSE": "descriptor"])
    #expect(fixed.status == 0 && fixed.text.hasPrefix("02 F00005FFFFFFFF"), "\(fixed.text)")
    #expect(descriptors.text == fixed.text)
  }

  @Test func whyADeviceCannotBeUsedIsSaid() throws {
    let target = try PrivateTarget()
    let device = try ShimmedDevice(url: target.url())
    let probe = try BuiltProgram.path("drive-probe")
    let arguments = ["command", device.path, "000000000000"]
    for (number, code, remedy) in [
      ("13", "notPermitted", "70-warifu-optical-memory.rules"), ("16", "busy", "another program"),
      ("19", "noDrive", "cable"),
    ] {
      let answer = try device.run(probe, arguments, environment: ["WARIFU_SHIM_REFUSE": number])
      #expect(answer.status == 74 && answer.text.contains(code) && answer.text.contains(remedy), "\(answer.text)")
    }
    target.stop()
    let gone = try device.run(probe, arguments)
    #expect(gone.status == 74 && gone.text.contains("noDrive"), "\(gone.text)")
  }
}
