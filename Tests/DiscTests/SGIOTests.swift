import Foundation
import Identifiers
import Octets
import SCSI
import Testing

@testable import DiscDriver

/// What is made of the kernel's answers, and of devices that are none.
@Suite struct SGIOTests {
  private func outcome(
    _ completion: SCSICompletion, requested: Int = 4096, sense: [UInt8] = [], mayChange: Bool = true
  ) throws -> CDBOutcome {
    let room = sense + [UInt8](repeating: 0, count: 96 - sense.count)
    return try room.withUnsafeBytes {
      try completion.outcome(requested: requested, sense: $0, path: "/dev/sg7", mayChange: mayChange)
    }
  }

  private func completion(
    errno: Int32 = 0, status: UInt8 = 0, host: UInt32 = 0, driver: UInt32 = 0, residual: Int = 0, senseCount: Int = 0
  ) -> SCSICompletion {
    SCSICompletion(
      errno: errno, status: status, host: host, driver: driver, residual: residual, senseCount: senseCount)
  }

  private func error(_ completion: SCSICompletion, mayChange: Bool = true) -> DriveTransportError? {
    do {
      _ = try outcome(completion, mayChange: mayChange)
      return nil
    } catch {
      return error as? DriveTransportError
    }
  }

  @Test func whatWasNotMovedIsNotCounted() throws {
    let cases: [(residual: Int, transferred: Int)] = [
      (0, 4096), (96, 4000), (4096, 0), (5000, 0), (-1, 4096), (Int.min, 0), (Int.max, 0),
    ]
    for (residual, transferred) in cases {
      #expect(try outcome(completion(residual: residual)).transferred == transferred, "\(residual)")
    }
  }

  private static let fixed: [UInt8] = [
    0xF0, 0, 3, 0, 0, 0x12, 0x34, 10, 0, 0, 0, 0, 0x11, 0, 0, 0x80, 0x12, 0x34,
  ]
  /// The same as descriptors, behind one of an unknown kind.
  private static let descriptors: [UInt8] =
    [0x72, 3, 0x11, 0, 0, 0, 0, 16, 0x80, 2, 9, 9] + [0, 10, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34]

  @Test func senseDataOfBothFormatsIsUnderstood() throws {
    for sense in [SGIOTests.fixed, SGIOTests.descriptors] {
      // With the status, with the driver's word alone, and with an adapter's complaint beside it.
      for (status, host, driver): (UInt8, UInt32, UInt32) in [(2, 0, 8), (2, 0, 0), (0, 0, 8), (2, 0x10, 8)] {
        let ended = completion(status: status, host: host, driver: driver, senseCount: sense.count)
        let outcome = try outcome(ended, sense: sense)
        #expect(outcome.status == .checkCondition)
        #expect(outcome.senseData?.code == .unrecoveredReadError && outcome.senseData?.information == 0x1234)
      }
    }
    // What the fixed format has and no field of ours, as progress, stays.
    let kept = try outcome(completion(status: 2, senseCount: 18), sense: SGIOTests.fixed).sense
    #expect((0..<18).map { kept[$0] } == SGIOTests.fixed)
  }

  @Test func senseDataThatIsNoneIsNoTrap() throws {
    #expect(try outcome(completion(status: 2)).senseData == nil)
    for octets in [
      [0x72], [0x73, 1], [0x00, 1, 2], [UInt8](repeating: 0xFF, count: 96), [0x70, 0, 5, 0, 0, 0, 0, 0xFF],
    ] {
      let outcome = try outcome(completion(status: 2, senseCount: octets.count), sense: octets)
      #expect(outcome.status == .checkCondition)
      _ = outcome.senseData
    }
    // Longer than there is room for.
    #expect(try outcome(completion(status: 2, senseCount: 5000), sense: SGIOTests.fixed).senseData != nil)
  }

  @Test func otherStatusesAreOutcomes() throws {
    for status: UInt8 in [0x08, 0x18, 0x28, 0x40] {
      // A reservation conflict also makes the kernel report DID_NEXUS_FAILURE.
      #expect(try outcome(completion(status: status, host: 0x11)).status == SCSIStatus(rawValue: status))
    }
  }

  @Test func adaptersAndDriversThatFailAreTyped() {
    let hosts: [(UInt32, DriveTransportError.Code, mayHaveChanged: Bool)] = [
      (0x01, .noDrive, false), (0x02, .busy, false), (0x03, .timedOut, true), (0x04, .noDrive, false),
      (0x05, .noDrive, true), (0x07, .protocolViolation, true), (0x08, .noDrive, true), (0x0D, .busy, false),
      (0x0E, .noDrive, true), (0x12, .protocolViolation, true), (0xFFFF, .protocolViolation, true),
    ]
    for (host, code, mayHaveChanged) in hosts {
      let error = error(completion(host: host))
      #expect(error?.code == code && error?.discMayHaveChanged == mayHaveChanged, "\(host)")
      #expect(self.error(completion(host: host), mayChange: false)?.discMayHaveChanged == false)
    }
    for (driver, code): (UInt32, DriveTransportError.Code) in [
      (0x1, .busy), (0x5, .protocolViolation), (0x6, .timedOut), (0x36, .timedOut), (0x7, .protocolViolation),
    ] {
      #expect(error(completion(driver: driver))?.code == code, "\(driver)")
    }
  }

  @Test func errorsOfTheCallSayWhatToDo() {
    let calls: [(Int32, DriveTransportError.Code, mayHaveChanged: Bool, String)] = [
      (EPERM, .notPermitted, false, "CAP_SYS_RAWIO"), (EACCES, .notPermitted, false, "root"),
      (ENODEV, .noDrive, true, "cable"), (ENXIO, .noDrive, true, "cable"), (EBUSY, .busy, false, "again"),
      (ENOMEM, .busy, false, "again"), (ENOTTY, .notADrive, false, "/dev/sg"),
      (EINVAL, .protocolViolation, false, "too large"), (EINTR, .protocolViolation, true, "look at the disc"),
      (EIO, .protocolViolation, true, "cable"),
    ]
    for (number, code, mayHaveChanged, remedy) in calls {
      let error = error(completion(errno: number))
      #expect(error?.code == code && error?.discMayHaveChanged == mayHaveChanged, "\(number)")
      #expect(error?.remedy.contains(remedy) == true, "\(error?.remedy ?? "")")
      #expect(error?.operation.contains("/dev/sg7") == true)
    }
  }

  @Test func errorsOfOpeningSayWhatToDo() {
    let openings: [(Int32, DriveTransportError.Code, String)] = [
      (ENOENT, .noDrive, "check the name"), (ENXIO, .noDrive, "cable"), (EBUSY, .busy, "another program"),
      (EACCES, .notPermitted, "70-warifu-optical-memory.rules"), (EPERM, .notPermitted, "udev/"),
      (ENOMEDIUM, .noDrive, "put a disc"),
    ]
    for (number, code, remedy) in openings {
      let error = DriveTransportError.opening("/dev/sg7", number)
      #expect(error.code == code && error.remedy.contains(remedy) && !error.discMayHaveChanged, "\(number)")
    }
  }

  @Test func whatIsNoDriveIsNotOpened() throws {
    let folder = try TemporaryFolder()
    let file = folder.file("file")
    try Data("octets".utf8).write(to: URL(fileURLWithPath: file))
    let fifo = folder.file("fifo")
    #expect(mkfifo(fifo, 0o600) == 0)
    let cases: [(String, DriveTransportError.Code)] = [
      (file, .notADrive), (folder.path, .notADrive), (fifo, .notADrive), ("/dev/null", .notADrive),
      ("/dev/tty", .notADrive), (folder.file("missing"), .noDrive), (file + "/below", .noDrive), ("", .noDrive),
    ]
    for (path, code) in cases {
      do {
        _ = try SGIOTransport(opening: path)
        Issue.record("opened '\(path)'")
      } catch {
        #expect(error.code == code && !error.remedy.isEmpty, "\(path): \(error)")
      }
    }
  }

  @Test func kindsOfDevicesAreTold() throws {
    let folder = try TemporaryFolder()
    let manager = FileManager.default
    try manager.createDirectory(atPath: folder.file("dev/block/8:17"), withIntermediateDirectories: true)
    try Data("1\n".utf8).write(to: URL(fileURLWithPath: folder.file("dev/block/8:17/partition")))
    for (number, subsystem) in [("248:3", "bsg"), ("9:0", "scsi_tape")] {
      try manager.createDirectory(atPath: folder.file("dev/char/\(number)"), withIntermediateDirectories: true)
      try manager.createSymbolicLink(
        atPath: folder.file("dev/char/\(number)/subsystem"), withDestinationPath: "../../../class/\(subsystem)")
    }
    func kind(_ mode: mode_t, _ major: dev_t, _ minor: dev_t) -> DeviceKind? {
      var status = stat()
      status.st_mode = mode | 0o600
      status.st_rdev = (major & 0xFFF) << 8 | minor & 0xFF | (minor & ~0xFF) << 12
      return try? DeviceKind(status, "/dev/x", system: folder.path)
    }
    #expect(kind(S_IFBLK, 8, 16) == .block)
    #expect(kind(S_IFBLK, 8, 17) == nil, "a partition")
    #expect(kind(S_IFCHR, 21, 0) == .sg && kind(S_IFCHR, 21, 300) == .sg)
    #expect(kind(S_IFCHR, 248, 3) == .bsg)
    #expect(kind(S_IFCHR, 9, 0) == nil, "a tape")
    #expect(kind(S_IFCHR, 248, 4) == nil && kind(S_IFREG, 0, 0) == nil && kind(S_IFDIR, 0, 0) == nil)
  }

  @Test func longCommandsAreWaitedForLonger() {
    let patience = SGIOTransport.Patience(usual: .milliseconds(1500))
    #expect(patience.milliseconds(for: 0x28) == 1500)
    for operation: UInt8 in [0x04, 0x2C, 0xAC] { #expect(patience.milliseconds(for: operation) == 14_400_000) }
    #expect(SGIOTransport.Patience(usual: .zero).milliseconds(for: 0x28) == 1)
    #expect(SGIOTransport.Patience(usual: .seconds(Int64.max)).milliseconds(for: 0x28) == UInt32.max - 1)
    #expect(SGIOTransport.Patience(usual: .seconds(100_000_000)).milliseconds(for: 0x28) == UInt32.max)
  }

  @Test func onlyCommandsKnownToReadAreHarmless() {
    func mayChange(_ octets: [UInt8]) -> Bool { CommandEffect.mayChangeMedium(octets.span.bytes) }
    for operation in [0x00, 0x08, 0x12, 0x28, 0x2F, 0x88, 0xA8, 0xAB] as [UInt8] { #expect(!mayChange([operation])) }
    for operation in [0x04, 0x07, 0x0A, 0x2A, 0x2C, 0x2E, 0x35, 0x55, 0x8A, 0xAA, 0xC0] as [UInt8] {
      #expect(mayChange([operation]))
    }
    #expect(!mayChange([]))
  }
}

/// What udev keeps of media, for users who may not ask a drive.
@Suite struct DeviceDatabaseTests {
  @Test func M3_theIDThatTheRulesKeptIsFound() throws {
    let folder = try TemporaryFolder()
    let manager = FileManager.default
    let block = folder.file("sys/dev/char/21:300/device/block/sdb")
    try manager.createDirectory(atPath: block, withIntermediateDirectories: true)
    try Data("8:16\n".utf8).write(to: URL(fileURLWithPath: block + "/dev"))
    try manager.createDirectory(atPath: folder.file("data"), withIntermediateDirectories: true)
    func keep(_ lines: String) throws {
      try Data(lines.utf8).write(to: URL(fileURLWithPath: folder.file("data/b8:16")))
    }
    let database = DeviceDatabase(system: folder.file("sys"), data: folder.file("data"))
    let (disk, sg): (dev_t, dev_t) = (8 << 8 | 16, 21 << 8 | 300 & 0xFF | (300 & ~0xFF) << 12)

    try keep("S:disk/by-medium-id/M-0102\nI:1234\nE:ID_BUS=scsi\nE:WARIFU_MEDIUM_ID=M-0102\nG:uaccess\n")
    #expect(database.mediumID(inDriveOf: disk, kind: .block)?.octets == [1, 2])
    #expect(database.mediumID(inDriveOf: sg, kind: .sg)?.octets == [1, 2])
    #expect(database.mediumID(inDriveOf: sg + 1, kind: .sg) == nil)
    #expect(database.mediumID(inDriveOf: disk + 1, kind: .block) == nil)
    for other in ["", "E:WARIFU_MEDIUM_ID=\n", "E:WARIFU_MEDIUM_ID=M-01zz\n", "E:XWARIFU_MEDIUM_ID=M-01\n"] {
      try keep(other)
      #expect(database.mediumID(inDriveOf: disk, kind: .block) == nil, "\(other)")
    }
  }
}
