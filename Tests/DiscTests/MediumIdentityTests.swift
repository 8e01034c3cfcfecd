import CardProtocol
import Cryptography
import DiscEmulator
import DriveFirmware
import Foundation
import Identifiers
import Octets
import SCSI
import Testing

@testable import DiscDriver

/// Where a medium's id comes from, and what it is worth.
@Suite struct MediumIdentityTests {
  private static let now: UInt64 = 1_800_000_000
  private static let decades: ClosedRange<UInt64> = 1_500_000_000...2_500_000_000

  // MARK: P-ROM

  private func identitySector(_ id: [UInt8], blockSize: UInt32) throws -> [UInt8] {
    let sector = try #require(MediumIDSector(mediumID: id, manufactured: 1, signature: [7, 7]))
    let buffer = OctetBuffer(capacity: 4096)
    try sector.append(to: buffer, blockSize: Int(blockSize))
    return buffer.withBytes { $0.octets }
  }

  /// A disc with an id sector where a partly embossed one has it.
  private func disc(_ geometry: MediumGeometry, showing id: [UInt8]) throws -> MemoryDisc {
    let disc = try VolumeBench.blank(geometry, id: 1)
    let block = try identitySector(id, blockSize: geometry.blockSize)
    let address = MediumIDSector.address(blockCount: UInt64(geometry.blockCount), blockSize: geometry.blockSize)
    try disc.write(BlockRange(first: address, count: 1), from: block.span.bytes)
    return disc
  }

  @Test(arguments: MediumGeometry.all) func M3_aPartlyEmbossedMediumShowsItsIDInABlock(
    _ geometry: MediumGeometry
  ) throws {
    let id = [UInt8](repeating: 0xE5, count: 16)
    let drive = AlteredDrive(EmulatedDrive(medium: try disc(geometry, showing: id)))
    drive.refused = [0xAB]
    drive.mediumType = .opticalPartlyReadOnly
    let identity = try DriveSession(drive).mediumIdentity()
    #expect(identity.id.octets == id && identity.source == .embossedSector && identity.strength == .hostAsserted)
    // The medium's own number goes before.
    drive.refused = []
    #expect(try DriveSession(drive).mediumIdentity().source == .readMediaSerialNumber)
  }

  @Test func M3_aBlockThatAnyoneCanWriteIsNoID() throws {
    let drive = AlteredDrive(EmulatedDrive(medium: try disc(.mb128, showing: [1, 2, 3, 4])))
    drive.refused = [0xAB]
    for type in [ModeParameters.MediumType.opticalRewritable, .none] {
      drive.mediumType = type
      #expect(VolumeBench.error { _ = try DriveSession(drive).mediumIdentity() }?.code == .noIdentity)
    }
  }

  @Test func aDamagedIDBlockIsNone() throws {
    let disc = try disc(.mb128, showing: [1, 2, 3, 4])
    let address = MediumIDSector.address(blockCount: UInt64(disc.geometry.blockCount), blockSize: 512)
    let block = BlockRange(first: address, count: 1)
    let drive = AlteredDrive(EmulatedDrive(medium: disc))
    drive.refused = [0xAB]
    drive.mediumType = .opticalPartlyReadOnly
    let whole = try identitySector([1, 2, 3, 4], blockSize: 512)
    for place in [0, 9, 11, 23, 300, 511] {
      var octets = whole
      octets[place] ^= 0x10
      try disc.write(block, from: octets.span.bytes)
      #expect(VolumeBench.error { _ = try DriveSession(drive).mediumIdentity() }?.code == .noIdentity, "\(place)")
    }
    try disc.write(block, from: whole.span.bytes)
    #expect(try DriveSession(drive).mediumIdentity().source == .embossedSector)
  }

  // MARK: SD cards

  @Test func M3_anSDCardIsKnownByItsRegister() throws {
    let folder = try TemporaryFolder()
    let device = folder.file("block/mmcblk0/device")
    try FileManager.default.createDirectory(atPath: device, withIntermediateDirectories: true)
    func register(_ text: String) throws { try Data(text.utf8).write(to: URL(fileURLWithPath: device + "/cid")) }

    try register("03534453553136478012345678011200\n")
    let identity = try #require(SDCard.identity(of: "/dev/mmcblk0", system: folder.path))
    #expect(identity.source == .cardIdentification && identity.strength == .hostAsserted)
    #expect(identity.id.description == "M-035344535531364780123456780112")
    // A slot that keeps the checksum, and a partition, tell of the same card.
    try register("035344535531364780123456780112A7\n")
    for path in ["/dev/mmcblk0", "/dev/mmcblk0p1", "mmcblk0p12"] {
      #expect(SDCard.identity(of: path, system: folder.path) == identity, "\(path)")
    }
    for path in ["/dev/mmcblk1", "/dev/sda", "/dev/mmcblk", "/dev/mmcblk0boot0", "/dev/mmcblk0p", "/dev/mmcblkx", ""] {
      #expect(SDCard.identity(of: path, system: folder.path) == nil, "\(path)")
    }
    for text in ["", "03", "zz534453553136478012345678011200", String(repeating: "0", count: 32)] {
      try register(text)
      #expect(SDCard.identity(of: "/dev/mmcblk0", system: folder.path) == nil, "\(text)")
    }
  }

  @Test func anSDCardIsFoundThroughALink() throws {
    let folder = try TemporaryFolder()
    let device = folder.file("block/mmcblk3/device")
    try FileManager.default.createDirectory(atPath: device, withIntermediateDirectories: true)
    try Data("03534453553136478012345678011200\n".utf8).write(to: URL(fileURLWithPath: device + "/cid"))
    try Data().write(to: URL(fileURLWithPath: folder.file("mmcblk3")))
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("by-name"), withDestinationPath: folder.file("mmcblk3"))
    #expect(SDCard.identity(of: folder.file("by-name"), system: folder.path) != nil)
  }

  // MARK: Attestation

  /// A drive that attests, and for which the centre vouches.
  private func attestingDrive(
    _ center: borrowing SigningKey, validity: ClosedRange<UInt64> = MediumIdentityTests.decades
  ) throws -> AttestingDrive {
    let key = try SigningKey(random: SeededRandom(seed: 3))
    let body = try #require(
      CardVerifiableCertificate.body(
        authority: [1], holder: Array("DRIVE1".utf8), publicKey: key.verificationKey.octets, validity: validity))
    let certificate = CardVerifiableCertificate.encode(body: body, signature: try center.sign(body))
    return AttestingDrive(EmulatedDrive(medium: try VolumeBench.blank(id: 0xA7)), key, certificate)
  }

  private func center(seed: UInt64 = 1) throws -> SigningKey { try SigningKey(random: SeededRandom(seed: seed)) }

  @Test func M3_aDriveThatTheCentreKnowsAttestsTheMedium() throws {
    let center = try center()
    let session = try DriveSession(attestingDrive(center))
    let random = SeededRandom(seed: 4)
    let identity = try #require(
      try session.attestedIdentity(under: center.verificationKey, at: Self.now, random: random))
    #expect(identity.id.octets == [UInt8](repeating: 0xA7, count: 16))
    #expect(identity.source == .driveAttestation && identity.strength == .attested)
    #expect(try session.mediumIdentity().id == identity.id)
    // Each question is another one.
    let challenges = try (0..<4).map { seed in
      try session.attestation(challenge: SeededRandom(seed: UInt64(seed)).octets(32))?.challenge
    }
    #expect(Set(challenges).count == 4)
  }

  @Test func whatADriveForgesIsNotBelieved() throws {
    let center = try center()
    let drive = try attestingDrive(center)
    let session = try DriveSession(drive)
    func fails(_ code: DiscError.Code, _ what: String, _ forge: @escaping (inout DriveAttestation) -> Void) {
      drive.forge = forge
      let failure = VolumeBench.error {
        _ = try session.attestedIdentity(
          under: center.verificationKey, at: Self.now, random: SeededRandom(seed: 4))
      }
      #expect(failure?.code == code, "\(what)")
    }
    fails(.notAuthentic, "another medium") { $0.replace(mediumID: [UInt8](repeating: 0xA8, count: 16)) }
    fails(.notAuthentic, "another signature") { $0.replace(signature: [UInt8](repeating: 1, count: 64)) }
    fails(.driveFailure, "another challenge") { $0.replace(challenge: [UInt8](repeating: 2, count: 32)) }
    fails(.notAuthentic, "no certificate") { $0.replace(certificate: [0x30, 0]) }
    drive.forge = { _ in }

    let other = try self.center(seed: 9).verificationKey
    let forged = VolumeBench.error {
      _ = try session.attestedIdentity(under: other, at: Self.now, random: SeededRandom(seed: 4))
    }
    #expect(forged?.code == .notAuthentic, "another centre's drive")
    let late = VolumeBench.error {
      _ = try session.attestedIdentity(
        under: center.verificationKey, at: 2_600_000_000, random: SeededRandom(seed: 4))
    }
    #expect(late?.code == .notAuthentic, "an expired certificate")
    let early = try DriveSession(attestingDrive(center, validity: (Self.now + 86_400)...(Self.now + 172_800)))
    let tooEarly = VolumeBench.error {
      _ = try early.attestedIdentity(under: center.verificationKey, at: Self.now, random: SeededRandom(seed: 4))
    }
    #expect(tooEarly?.code == .notAuthentic, "a certificate that is not good yet")
  }

  @Test func aDriveThatAttestsNothingIsNoFailure() throws {
    let drive = AlteredDrive(EmulatedDrive(medium: try VolumeBench.blank()))
    drive.refused = [0xA2, 0xB5]
    let session = try DriveSession(drive)
    #expect(try session.attestation(challenge: [UInt8](repeating: 1, count: 32)) == nil)
    for count in [0, 15, 65] {
      let failure = VolumeBench.error { _ = try session.attestation(challenge: [UInt8](repeating: 1, count: count)) }
      #expect(failure?.code == .invalidArgument)
    }
  }
}

extension DriveAttestation {
  fileprivate mutating func replace(
    challenge: [UInt8]? = nil, mediumID: [UInt8]? = nil, certificate: [UInt8]? = nil, signature: [UInt8]? = nil
  ) {
    let changed = DriveAttestation(
      challenge: challenge ?? self.challenge, mediumID: mediumID ?? self.mediumID,
      certificate: certificate ?? self.certificate, signature: signature ?? self.signature)
    self = changed ?? self
  }
}

/// A drive that does not know some commands, or says that its medium is of another type.
private final class AlteredDrive: CDBTransport {
  var refused: Set<UInt8> = []
  var mediumType: ModeParameters.MediumType?
  private let drive: EmulatedDrive

  init(_ drive: EmulatedDrive) { self.drive = drive }

  func execute(cdb: RawSpan, dataOut: RawSpan, dataIn: inout MutableRawSpan) throws(DriveTransportError) -> CDBOutcome {
    guard !refused.contains(cdb[octet: 0]) else { return .check(SenseData(.invalidOperationCode)) }
    let outcome = try drive.execute(cdb: cdb, dataOut: dataOut, dataIn: &dataIn)
    if cdb[octet: 0] == 0x1A, let mediumType, outcome.transferred > 1 {
      dataIn.storeBytes(of: mediumType.rawValue, toByteOffset: 1, as: UInt8.self)
    }
    return outcome
  }
}

/// A drive that attests its medium, honestly or not.
private final class AttestingDrive: CDBTransport {
  var forge: (inout DriveAttestation) -> Void = { _ in }
  private let drive: EmulatedDrive
  private let key: SigningKey
  private let certificate: [UInt8]
  private var challenge: [UInt8]?

  init(_ drive: EmulatedDrive, _ key: consuming SigningKey, _ certificate: [UInt8]) {
    self.drive = drive
    self.key = key
    self.certificate = certificate
  }

  func execute(cdb: RawSpan, dataOut: RawSpan, dataIn: inout MutableRawSpan) throws(DriveTransportError) -> CDBOutcome {
    switch cdb[octet: 0] {
    case 0xB5:
      guard let question = try? DriveAttestation.Challenge(parsing: dataOut) else {
        return .check(SenseData(.invalidFieldInCDB))
      }
      challenge = question.octets
      return .good()
    case 0xA2:
      guard let challenge, let answer = try? answer(to: challenge) else {
        return .check(SenseData(.invalidFieldInCDB))
      }
      let count = min(answer.count, dataIn.byteCount)
      dataIn.withUnsafeMutableBytes { UnsafeMutableRawBufferPointer(rebasing: $0[..<count]).copyBytes(from: answer) }
      return .good(transferred: count)
    default: return try drive.execute(cdb: cdb, dataOut: dataOut, dataIn: &dataIn)
    }
  }

  private func answer(to challenge: [UInt8]) throws -> [UInt8] {
    let id = drive.medium?.factoryRecord.mediumID ?? []
    let buffer = OctetBuffer(capacity: 4096)
    try buffer.becomeDriveAttestationInput(challenge: challenge.span.bytes, mediumID: id.span.bytes)
    let signature = try key.sign(buffer.withBytes { $0.octets })
    guard
      var attestation = DriveAttestation(
        challenge: challenge, mediumID: id, certificate: certificate, signature: signature)
    else { return [] }
    forge(&attestation)
    buffer.removeAll()
    try attestation.append(to: buffer)
    return buffer.withBytes { $0.octets }
  }
}
