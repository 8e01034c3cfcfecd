import DiscEmulator
import DriveFirmware
import DriveRig
import Foundation
import SCSI
import Testing

/// The tools of sg3_utils, as Debian has them, against the emulated drive: through the shim, each run another initiator.
@Suite struct SGToolTests {
  /// Runs a tool on the drive; `DEV` in its words stands for the device, which else comes last.
  private func check(
    _ target: PrivateTarget, _ line: String, status: Int32 = 0, says texts: String...
  ) throws {
    let device = try ShimmedDevice(url: target.url())
    var words = line.split(separator: " ").map { String($0).replacing("DEV", with: device.path) }
    if !line.contains("DEV") { words.append(device.path) }
    let answer = try device.run(words[0], Array(words.dropFirst()))
    #expect(answer.status == status, "\(line): \(answer.text)")
    for text in texts {
      #expect(answer.text.contains(text), "\(line) does not say '\(text)': \(answer.text)")
    }
  }

  @Test func toolsSeeAMagnetoOpticalDrive() throws {
    let target = try PrivateTarget(.opticalMemory)
    try check(target, "sg_inq", says: "PDT=7  RMB=1", "Vendor identification: WARIFU", "WF00000001")
    try check(target, "sg_inq --export", says: "SCSI_TYPE=optical memory device", "SCSI_MODEL=MO_DRIVE")
    try check(target, "sg_vpd", says: "Unit serial number [sn]", "Device identification [di]", "Block limits (SBC)")
    try check(target, "sg_vpd --page=sn", says: "Unit serial number: WF00000001")
    try check(target, "sg_vpd --page=di", says: "T10 vendor identification", "vendor id: WARIFU")
    try check(target, "sg_vpd --page=bdc", says: "3.5 inch")
    try check(target, "sg_luns", says: "1 lun entry", "0000000000000000")
    try check(target, "sg_requests", says: "No Sense")
    try check(
      target, "sg_opcodes",
      says: "Read media serial number", "erase(12)", "Persistent reserve in, read keys", "Read defect data(12)")
    try check(target, "sg_opcodes --opcode=0xab,1", says: "Command is supported", "ab 01 00 00 00 00 ff ff ff ff")
    try check(target, "sg_opcodes --opcode=0xc0", says: "Command is NOT supported")
    try check(target, "sg_senddiag --test", says: "GOOD status")
  }

  @Test func toolsSeeTheMedium() throws {
    let target = try PrivateTarget(.opticalMemory)
    try check(target, "sg_turs --number=5", says: "with 0 errors")
    try check(target, "sg_readcap", says: "Number of logical blocks=248826", "Logical block length=512")
    try check(target, "sg_readcap --long", says: "Last LBA=248825", "Protection: prot_en=0")
    try check(target, "sg_modes --all", says: "medium type=0x03", "Caching", "Medium types supported")
    try check(target, "sg_modes --six --page=8", says: "Caching")
    try check(target, "sg_sync")
    try check(target, "sg_seek --lba=100")
  }

  @Test func M3_sgRmsnPrintsTheMediumID() throws {
    for type in [PeripheralType.opticalMemory, .directAccess] {
      let target = try PrivateTarget(type)
      try check(target, "sg_rmsn", says: "serial number length = 16", "WARIFU-TEST-DISC")
      try check(target, "sg_rmsn --raw", says: "WARIFU-TEST-DISC")
      try check(target, "sg_raw -r 20 DEV ab 01 00 00 00 00 00 00 01 04 00 00", says: "Received 20 bytes")
    }
  }

  @Test func toolsReadWriteAndVerify() throws {
    let target = try PrivateTarget(.directAccess)
    let folder = try PrivateFolder()
    try folder.write(Data((0..<51_200).map { UInt8(truncatingIfNeeded: $0 &* 7 / 3) }), to: "out")
    try check(target, "sg_dd if=\(folder("out")) of=DEV bs=512 seek=1000 count=100", says: "100+0 records out")
    try check(target, "sg_dd if=DEV of=\(folder("in")) bs=512 skip=1000 count=100", says: "100+0 records in")
    #expect(try folder.octets(of: "in") == folder.octets(of: "out"))
    try check(target, "sg_verify --lba=1000 --count=100")
    try check(target, "sg_verify --16 --lba=1000 --count=100")
    try check(target, "sg_verify --lba=1000 --count=1 --in=\(folder("out")) --ndo=512")
    try check(target, "sg_verify --lba=1001 --count=1 --in=\(folder("out")) --ndo=512", status: 14)
    try check(target, "sg_verify --lba=248826 --count=1", status: 22, says: "LBA out of range")
  }

  @Test func toolsMoveTheMedium() throws {
    let target = try PrivateTarget(.directAccess)
    let holder = target.drive.connect()
    while try holder.execute(.testUnitReady).status != .good {}
    try check(target, "sg_start --stop")
    try check(target, "sg_start --start")
    #expect(try holder.execute(.preventAllowMediumRemoval(prevent: true)).status == .good)
    try check(target, "sg_start --eject -v", status: 5, says: "removal prevented")
    // What a tool locked is free again when it has ended.
    try check(target, "sg_prevent --prevent=1")
    #expect(try holder.execute(.preventAllowMediumRemoval(prevent: false)).status == .good)
    try check(target, "sg_prevent --allow")
    try check(target, "sg_start --eject")
    try check(target, "sg_turs", status: 2, says: "not ready")
    try check(target, "sg_rmsn", status: 2, says: "not ready")
  }

  @Test func toolsReserve() throws {
    let target = try PrivateTarget(.directAccess)
    try check(target, "sg_persist --in --read-keys", says: "NO registered reservation keys")
    try check(target, "sg_persist --out --register --param-sark=0xabcd")
    try check(target, "sg_persist --in --read-keys", says: "0xabcd")
    try check(target, "sg_persist --in --read-full-status", says: "Key=0xabcd", "iqn.2026-11.org.example.warifu:shim.")
    try check(target, "sg_persist --in --report-capabilities", says: "Write Exclusive, all registrants: 1")
    // Another run is another initiator, which is not registered.
    try check(target, "sg_persist --out --reserve --param-rk=0xabcd --prout-type=1", status: 24)
  }

  @Test func M3_toolsReassignAndFormatAndTheIDStays() throws {
    let target = try PrivateTarget(.opticalMemory)
    let grown = "sg_raw -r 64 DEV 37 00 0d 00 00 00 00 00 40 00"
    try check(target, grown, says: "Received 4 bytes")
    try check(target, "sg_reassign --address=100")
    try check(target, grown, says: "Received 12 bytes")
    try check(target, "sg_verify --lba=100 --count=1")
    try check(target, "sg_format --format --wait --quick")
    try check(target, "sg_rmsn", says: "WARIFU-TEST-DISC")
  }

  @Test func M3_toolsCannotWriteWhatIsProtected() throws {
    let record = try #require(FactoryRecord(mediumID: Array("PROTECTED MEDIUM".utf8), manufactured: 0))
    let disc = MemoryDisc(geometry: .mb128, factoryRecord: record)
    disc.protection.ranges = [BlockRange(first: 0x100, count: 4)]
    let target = try PrivateTarget(serving: SharedDrive(medium: disc))
    let write = "sg_raw -s 512 -i /dev/zero DEV 2a 00 00 00 "
    try check(target, write + "00 ff 00 00 01 00")
    try check(target, write + "01 00 00 00 01 00", status: 7, says: "Data Protect", "Write protected")
    try check(target, "sg_format --format --wait --quick", status: 7)
    try check(target, "sg_rmsn", says: "PROTECTED MEDIUM")
  }
}
