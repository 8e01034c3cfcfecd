import CardProtocol
import CopyLicensing
import Cryptography
import DiscDriver
import DiscEmulator
import DriveFirmware
import Formats
import Foundation
import Identifiers
import LicenseCenter
import Octets
import SCSI
import Testing
import WarifuTesting

/// A card, a master disc, and a target disc in a drive for which the centre vouches.
struct AttestedScene {
  let bench: Workbench
  let card: Workbench.IssuedCard
  let identity: DriveIdentity
  let disc: Workbench.TargetDisc
  let masterPath: String
  let title: SoftwareID
  let session: CopySession

  static func set(seed: UInt64) async throws -> AttestedScene {
    let bench = try await Workbench.setUp(seed: seed)
    let content = bench.folder("content")
    try Data("A title that is worth a lie.\n".utf8).write(to: URL(fileURLWithPath: content))
    let card = try await bench.issueCard()
    let identity = try await bench.makeDriveIdentity()
    let disc = try bench.makeDisc("target.img", in: identity)
    let pressed = try await bench.pressMaster("master.iso", [(content, .text)])
    return AttestedScene(
      bench: bench, card: card, identity: identity, disc: disc, masterPath: pressed.path, title: pressed.titles[0],
      session: try bench.session(card, disc))
  }

  /// The master disc.
  func master() throws -> LicensedMaster { try LicensedMaster(opening: masterPath, anchor: session.anchor) }

  /// A session of the same card with another volume.
  func session(on volume: LicensedVolume) throws -> CopySession {
    try CopySession(volume: volume, card: card.card, anchor: session.anchor)
  }

  /// Gets a licence under these terms, the medium attested, and writes it to the disc.
  func license(_ terms: LicenseTerms) async throws -> CopyLicense {
    let request = try bench.request(title, in: session, terms: terms)
    let given = try await bench.center.titleLicenses.license(request, attestedBy: try session.attest(request))
    try session.install(given)
    guard case .certificate(let license) = given else { throw WorkbenchError.badRandom }
    return license
  }
}

/// A host that lies: between driver and drive it says that another medium is inside.
final class LyingDrive: CDBTransport {
  /// The drive's word about the claimed medium from another time, to be put in the place of what it says now.
  var recorded: DriveAttestation?
  private let drive: EmulatedDrive
  private let claimed: MediumID

  init(_ drive: EmulatedDrive, claiming claimed: MediumID) {
    self.drive = drive
    self.claimed = claimed
  }

  func execute(cdb: RawSpan, dataOut: RawSpan, dataIn: inout MutableRawSpan) throws(DriveTransportError) -> CDBOutcome {
    let outcome = try drive.execute(cdb: cdb, dataOut: dataOut, dataIn: &dataIn)
    switch OperationCode(rawValue: cdb[octet: 0]) {
    case .serviceActionIn12 where outcome.status == .good:
      let octets = claimed.octets
      dataIn.withUnsafeMutableBytes { buffer in
        for (index, octet) in octets.enumerated() where 4 + index < outcome.transferred { buffer[4 + index] = octet }
      }
    case .securityProtocolIn where outcome.status == .good: return replace(outcome, &dataIn)
    default: break
    }
    return outcome
  }

  /// The recorded word under the challenge of now.
  private func replace(_ outcome: CDBOutcome, _ dataIn: inout MutableRawSpan) -> CDBOutcome {
    guard let recorded, let now = try? DriveAttestation(parsing: dataIn.bytes),
      let forged = DriveAttestation(
        challenge: now.challenge, mediumID: claimed.octets, certificate: recorded.certificate,
        signature: recorded.signature)
    else { return outcome }
    let buffer = OctetBuffer(capacity: DriveAttestation.maximumOctetCount)
    try? forged.append(to: buffer)
    let octets = buffer.withBytes { $0.octets }
    dataIn.withUnsafeMutableBytes {
      UnsafeMutableRawBufferPointer(rebasing: $0[..<octets.count]).copyBytes(from: octets)
    }
    return .good(transferred: octets.count)
  }
}
