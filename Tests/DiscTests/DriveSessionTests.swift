import Cryptography
import DiscDriver
import DiscEmulator
import DriveFirmware
import Foundation
import Identifiers
import Octets
import SCSI
import Testing

/// What a drive reports, and what a session makes of it.
@Suite struct DriveSessionTests {
  private func write(_ octets: [UInt8], to block: UInt64, _ session: DriveSession) throws {
    try octets.withUnsafeBytes { try session.write(to: block, from: $0) }
  }

  private func read(_ count: Int, from block: UInt64, _ session: DriveSession) throws -> [UInt8] {
    var octets = [UInt8](repeating: 0, count: count)
    try octets.withUnsafeMutableBytes { try session.read(from: block, into: $0) }
    return octets
  }

  @Test(arguments: MediumGeometry.all) func M3_theDriveTellsWhatItHolds(_ geometry: MediumGeometry) throws {
    let disc = try VolumeBench.blank(geometry, id: 0xC3)
    let session = try VolumeBench.session(disc)
    #expect(session.inquiry.peripheralType == .opticalMemory)
    #expect(session.capacity == Capacity(blockCount: UInt64(geometry.blockCount), blockSize: geometry.blockSize))
    let identity = try session.mediumIdentity()
    #expect(identity.id.octets == disc.factoryRecord.mediumID)
    #expect(identity.source == .readMediaSerialNumber && identity.strength == .hostAsserted)
  }

  @Test func blocksAreWrittenAndRead() throws {
    let disc = try VolumeBench.blank()
    let session = try DriveSession(EmulatedDrive(medium: disc), maximumTransfer: 10_000)
    var random = SplitMix(seed: 50)
    let octets = random.octets(512 * 100)
    let last = session.capacity.blockCount - 100
    for block in [0, 77, last] {
      try write(octets, to: block, session)
      #expect(try read(octets.count, from: block, session) == octets)
      try session.verify(block, count: 100)
    }
    try session.synchronize()
    for (block, count) in [(last + 1, 51_200), (0, 511), (UInt64.max, 512), (session.capacity.blockCount + 1, 0)] {
      #expect(VolumeBench.error { _ = try read(count, from: block, session) }?.code == .invalidArgument)
      let failure = VolumeBench.error { try write([UInt8](repeating: 0, count: count), to: block, session) }
      #expect(failure?.code == .invalidArgument && failure?.discMayHaveChanged == false)
    }
  }

  @Test func whatIsWrongWithTheDiscIsSaid() throws {
    let empty = VolumeBench.error { _ = try DriveSession(EmulatedDrive()) }
    #expect(empty?.code == .noMedium && empty?.sense?.code == .mediumNotPresent)

    let disc = try VolumeBench.blank()
    disc.protection.isWhole = true
    let protected = VolumeBench.error { try VolumeBench.format(disc) }
    #expect(protected?.code == .writeProtected && protected?.sense?.code == .writeProtected)
    #expect(protected?.description.contains("7/27/00") == true)
    disc.protection.isWhole = false

    try disc.mark(BlockRange(first: 5, count: 1), as: .halfWritten)
    let session = try VolumeBench.session(disc)
    let unreadable = VolumeBench.error { _ = try read(512 * 9, from: 0, session) }
    #expect(unreadable?.code == .mediumFailure && unreadable?.sense?.firstBadBlock == 5)
    #expect(VolumeBench.error { try session.verify(0, count: 9) }?.code == .mediumFailure)
  }

  @Test func aChangedMediumEndsTheSession() throws {
    let (first, second) = (try VolumeBench.blank(id: 1), try VolumeBench.blank(id: 2))
    try VolumeBench.format(second)
    let drive = EmulatedDrive(medium: first)
    let session = try DriveSession(drive)
    let volume = try LicensedVolume.format(session, replacing: true, random: SeededRandom(seed: 1))
    var writer = try volume.install(title: try VolumeBench.software(1), length: 3 << 20)
    let chunk = [UInt8](repeating: 1, count: 1 << 20)
    try chunk.withUnsafeBytes { try writer.write($0) }

    try drive.eject()
    try drive.insert(second)
    let before = try VolumeState(of: second)
    for _ in 0..<3 {
      do {
        try chunk.withUnsafeBytes { try writer.write($0) }
        Issue.record("wrote to another disc")
      } catch {
        #expect((error as? DiscError)?.code == .mediumChanged)
      }
    }
    // Not one of these may reach the other disc.
    #expect(VolumeBench.error { try session.synchronize() }?.code == .mediumChanged)
    #expect(VolumeBench.error { _ = try session.mediumIdentity() }?.code == .mediumChanged)
    #expect(VolumeBench.error { try write(chunk, to: 0, session) }?.code == .mediumChanged)
    #expect(try VolumeState(of: second) == before)
    #expect(try DriveSession(drive).mediumIdentity().id.octets == second.factoryRecord.mediumID)
  }

  @Test func aDriveWithoutMediaSerialNumbersGivesItsOwnOnlyIfItsMediumIsFixed() throws {
    let disc = try VolumeBench.blank()
    for (type, expected) in [(PeripheralType.opticalMemory, nil), (.directAccess, "WF00000001")] {
      let drive = EmulatedDrive(configuration: DriveConfiguration(peripheralType: type), medium: disc)
      let session = try DriveSession(ForgetfulDrive(drive, refusing: [0xAB]))
      let identity = try? session.mediumIdentity()
      #expect((identity?.id.octets).map { String(decoding: $0, as: UTF8.self) } == expected)
      #expect(identity == nil || identity?.source == .unitSerialNumber)
      if expected == nil { #expect(VolumeBench.error { _ = try session.mediumIdentity() }?.code == .noIdentity) }
    }
  }

  @Test func aDriveThatCannotVerifyOrFlushServes() throws {
    let disc = try VolumeBench.blank()
    let session = try DriveSession(ForgetfulDrive(EmulatedDrive(medium: disc), refusing: [0x2F, 0x35]))
    let volume = try LicensedVolume.format(session, random: SeededRandom(seed: 1))
    try volume.install(licence: [1], for: try VolumeBench.software(1))
    #expect(try VolumeState(of: disc)?.licences.count == 1)
  }

  @Test func randomAnswersNeverTrap() throws {
    var random = SplitMix(seed: 51)
    for _ in 0..<(isSoak ? 100_000 : 3000) {
      let drive = RandomDrive(random: SplitMix(seed: random.next()))
      do {
        let session = try DriveSession(drive)
        _ = try session.mediumIdentity()
        _ = try LicensedVolume(opening: session)
      } catch {
        #expect(!error.operation.isEmpty && !error.remedy.isEmpty)
      }
    }
  }
}

/// A drive that does not know some commands, or whose transport sees others fail.
private final class ForgetfulDrive: CDBTransport {
  private let drive: EmulatedDrive
  private let refused: Set<UInt8>

  init(_ drive: EmulatedDrive, refusing refused: Set<UInt8>) {
    self.drive = drive
    self.refused = refused
  }

  func execute(cdb: RawSpan, dataOut: RawSpan, dataIn: inout MutableRawSpan) throws(DriveTransportError) -> CDBOutcome {
    guard !refused.contains(cdb[octet: 0]) else { return .check(SenseData(.invalidOperationCode)) }
    return try drive.execute(cdb: cdb, dataOut: dataOut, dataIn: &dataIn)
  }
}

/// A drive whose answers are noise, plausible enough now and then to go on.
private final class RandomDrive: CDBTransport {
  private var random: SplitMix

  init(random: SplitMix) { self.random = random }

  func execute(cdb: RawSpan, dataOut: RawSpan, dataIn: inout MutableRawSpan) throws(DriveTransportError) -> CDBOutcome {
    let noise = random.octets(18)
    if noise[0] < 8 {
      throw DriveTransportError(.noDrive, operation: "noise", discMayHaveChanged: false, remedy: "None.")
    }
    var octets = random.octets(min(dataIn.byteCount, 4096))
    switch cdb[octet: 0] {
    case 0x12 where octets.count >= 36 && noise[1] > 20: octets[0] = noise[2] % 2 == 0 ? 0 : 7
    case 0x25 where octets.count >= 8 && noise[1] > 20:
      octets.replaceSubrange(0..<8, with: [0, noise[3], noise[4], 0, 0, 0, noise[5] % 2 == 0 ? 2 : 8, 0])
    default: break
    }
    dataIn.withUnsafeMutableBytes {
      UnsafeMutableRawBufferPointer(rebasing: $0[..<octets.count]).copyBytes(from: octets)
    }
    let status: UInt8 = noise[6] < 240 ? 0 : (noise[6] < 250 ? 2 : noise[7])
    var outcome = CDBOutcome(
      status: SCSIStatus(rawValue: status), transferred: noise[8] < 230 ? dataIn.byteCount : Int(noise[9]) * 1000 - 5000
    )
    for index in 0..<18 { outcome.sense[index] = noise[index] }
    return outcome
  }
}
