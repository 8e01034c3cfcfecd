import CardDriver
import CardProtocol
import Cryptography
import DiscDriver
import DiscEmulator
import DriveFirmware
import Formats
import ISO7816
import Identifiers
import Octets
import SCSI
import Testing
import WarifuTesting

@testable import CopyLicensing
@testable import LicenseCenter

/// Attack 9: the host names another disc's id to the card.
@Suite struct Attack09Tests {
  private let attested = LicenseTerms(requiresAttestedMedium: true)

  /// The licensed disc stays at home: its volume is copied bit by bit to another disc, and the host says that this is it.
  @Test func attack09_hostsWordIsTakenWhereTheLicenceTakesIt() async throws {
    let scene = try await AttestedScene.set(seed: 90)
    let license = try await scene.bench.license(scene.title, in: scene.session)
    #expect(license.mediumIDStrength == .hostAsserted)
    let liar = LyingDrive(try scene.bench.makeDisc("other.img").drive, claiming: scene.disc.volume.identity.id)
    let session = try scene.session(
      on: try LicensedVolume.format(DriveSession(liar), replacing: true, random: scene.bench.random))
    try session.install(license)
    try session.copy(scene.title, from: try scene.master())
    // It runs: that is what "host-asserted" says, on the licence and in the identity of the medium.
    _ = try session.open(scene.title)
    #expect(session.volume.identity.strength == .hostAsserted)
  }

  @Test func attack09_cardWantsTheDrivesWordWhereTheLicenceDoes() async throws {
    let scene = try await AttestedScene.set(seed: 91)
    let license = try await scene.license(attested)
    #expect(license.mediumIDStrength == .driveAttested)
    try scene.session.copy(scene.title, from: try scene.master())
    _ = try scene.session.open(scene.title)

    let liar = LyingDrive(
      try scene.bench.makeDisc("other.img", in: scene.identity).drive, claiming: scene.disc.volume.identity.id)
    let session = try scene.session(
      on: try LicensedVolume.format(DriveSession(liar), replacing: true, random: scene.bench.random))
    try session.install(license)
    // The drive in truth holds the other disc and says so; then the host puts the words of the true disc's drive there.
    for recorded in [nil, try scene.session.volume.attestation(challenge: [UInt8](repeating: 1, count: 32))] {
      liar.recorded = recorded
      let certifying = #expect(throws: LicensingError.self) { try session.certify(scene.title) }
      let copying = #expect(throws: LicensingError.self) { try session.copy(scene.title, from: try scene.master()) }
      #expect(certifying?.code == .notCertified && copying?.code == .notCertified)
      #expect(try session.volume.titles().isEmpty)
    }
  }

  /// A drive of one's own making, with a certificate that one signed oneself.
  @Test func attack09_foreignDrivesAreNotBelieved() async throws {
    let scene = try await AttestedScene.set(seed: 92)
    let license = try await scene.license(attested)
    let key = try SigningKey(random: scene.bench.random)
    let body = try #require(
      CardVerifiableCertificate.body(
        authority: Array(scene.bench.center.facts.centerID.octets.prefix(16)), holder: Array("MINE".utf8),
        publicKey: key.publicKey, validity: scene.bench.clock.now()...(scene.bench.clock.now() + 86_400)))
    let certificate = CardVerifiableCertificate.encode(body: body, signature: try key.sign(body))
    let forged = DriveIdentity(serial: "MINE", key: key, certificate: certificate)
    let drive = EmulatedDrive(
      configuration: DriveConfiguration(signer: forged), medium: try scene.disc.drive.eject())
    let session = try scene.session(on: try LicensedVolume(opening: DriveSession(drive)))
    let error = #expect(throws: LicensingError.self) { try session.certify(scene.title) }
    #expect(error?.code == .notAttested)
    #expect(license.softwareID == scene.title)
  }

  @Test func attack09_centreWantsTheDrivesWordForSuchALicence() async throws {
    let scene = try await AttestedScene.set(seed: 93)
    let request = try scene.bench.request(scene.title, in: scene.session, terms: attested)
    let without = await #expect(throws: CenterError.self) {
      try await scene.bench.center.titleLicenses.license(request)
    }
    #expect(without?.code == .invalid)
    // The word for another request of the same disc is a replay.
    let other = try scene.bench.request(scene.title, in: scene.session, terms: attested)
    let replayed = try scene.session.attest(other)
    let replay = await #expect(throws: CenterError.self) {
      try await scene.bench.center.titleLicenses.license(request, attestedBy: replayed)
    }
    #expect(replay?.code == .invalid)
    let word = try scene.session.attest(request)
    for index in word.signature.indices {
      var altered = word
      altered.signature[index] ^= 1
      let error = await #expect(throws: CenterError.self) {
        try await scene.bench.center.titleLicenses.license(request, attestedBy: altered)
      }
      #expect(error?.code == .invalid)
    }
    #expect(try await scene.bench.center.ledger.balance(of: .holder(scene.card.serial), in: .euro).minorUnits == 0)
    let license = try await scene.bench.center.titleLicenses.license(request, attestedBy: word)
    #expect(license.mediumIDStrength == .driveAttested && license.terms == attested)
    // Who forgets to ask for it attested hears what there is, and pays nothing for that.
    let forgotten = await #expect(throws: CenterError.self) {
      try await scene.bench.center.titleLicenses.license(try scene.bench.request(scene.title, in: scene.session))
    }
    #expect(forgotten?.code == .conflict && forgotten?.remedy.contains("attested by the drive") == true)
    #expect(try await scene.bench.center.ledger.balance(of: .holder(scene.card.serial), in: .euro).minorUnits == -500)
  }
}
