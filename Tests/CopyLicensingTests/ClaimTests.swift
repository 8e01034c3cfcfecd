import CardDriver
import CardProtocol
import CopyLicensing
import Cryptography
import DiscDriver
import Formats
import ISO7816
import Identifiers
import LicenseCenter
import Testing
import WarifuTesting

/// The claims of the two publications of the copying system: A2, claims 1 to 4, and B1, which keeps only the embodiment
/// with the signature, claims 1 to 4. Claims 5 to 7 of A2 are the embodiment with conversion keys: see
/// `ConversionClaimTests`.
@Suite struct ClaimTests {
  /// A2 cl. 1 says that the data is copied if the *identifiers* agree. They always do, on a disc with a forged licence
  /// too: what has to agree are the signatures (A2 cl. 4, B1 cl. 1).
  @Test func M16_A2claim1_comparesSignaturesNotIdentifiers() async throws {
    let scene = try await CopyingTests.Scene.set()
    let license = try await scene.bench.license(scene.titles[0], in: scene.session)
    var forged = CertificateVariants.certificate(license)
    forged.certificateCode[15] ^= 1
    #expect(forged.softwareID == scene.titles[0] && forged.mediumID == scene.disc.volume.identity.id)
    let error = #expect(throws: CardError.self) { try scene.card.card.certify(forged) }
    #expect(error?.status == .securityStatusNotSatisfied)
    try scene.card.card.certify(CertificateVariants.certificate(license))
  }

  /// A2 cl. 1 and 4, B1 cl. 1 and 2: request, first signature, writing it, second signature, comparison, copy.
  @Test func M16_B1claims1and2_theWholeWayInItsOrder() async throws {
    let scene = try await CopyingTests.Scene.set()
    let title = scene.titles[0]
    let operation = try #require(OperationID(octets: scene.bench.random.octets(16)))
    let request = try scene.session.request(for: title, operationID: operation)
    #expect(request.mediumID == scene.disc.volume.identity.id && request.softwareID == title)
    let license = try await scene.bench.center.copyLicenses.license(request)
    // Nothing is copied before the licence is on the target medium.
    #expect(throws: LicensingError.self) { try scene.session.copy(title, from: scene.master) }
    try scene.session.install(license)
    // CS and E_KU(KEYc) lie on the medium as they came.
    let installed = try #require(scene.disc.volume.licence(for: title)).octets
    for part in [license.certificateCode, license.wrappedCertificationKey] {
      #expect(installed.indices.contains { installed[$0...].starts(with: part) })
    }
    #expect(try scene.session.certify(title) == license)
    try scene.session.copy(title, from: scene.master)
    #expect(try scene.disc.volume.titles().map(\.softwareID) == [title])
  }

  /// A2 cl. 2, B1 cl. 3: CS depends on both identifiers and on KEYc, which leaves the centre under KU only.
  @Test func M16_A2claim2_B1claim3_theCodeIsOfBothIdentifiersAndTheKey() async throws {
    let scene = try await CopyingTests.Scene.set()
    let license = try await scene.bench.license(scene.titles[0], in: scene.session)
    let otherTitle = try await scene.bench.license(scene.titles[1], in: scene.session)
    let disc = try scene.bench.makeDisc("other.mo")
    let otherDisc = try await scene.bench.license(
      scene.titles[0], in: try scene.bench.session(scene.card, disc))
    let all = [license, otherTitle, otherDisc]
    #expect(Set(all.map(\.certificateCode)).count == 3)
    #expect(Set(all.map(\.wrappedCertificationKey)).count == 3)
    // A key of one licence makes no code of another.
    for other in [otherTitle, otherDisc] {
      var mixed = CertificateVariants.certificate(license)
      mixed.wrappedCertificationKey = other.wrappedCertificationKey
      #expect(throws: CardError.self) { try scene.card.card.certify(mixed) }
      mixed = CertificateVariants.certificate(license)
      mixed.certificateCode = other.certificateCode
      #expect(throws: CardError.self) { try scene.card.card.certify(mixed) }
    }
  }

  /// A2 cl. 3, B1 cl. 4: the user's side opens KEYc with KU, makes CS' and compares; who has another KU cannot.
  @Test func M16_A2claim3_B1claim4_onlyTheUsersKeyMakesTheSecondSignature() async throws {
    let scene = try await CopyingTests.Scene.set()
    let license = try await scene.bench.license(scene.titles[0], in: scene.session)
    let other = try await scene.bench.issueCard(purchaser: "B. Other")
    try scene.card.card.certify(CertificateVariants.certificate(license))
    let error = #expect(throws: CardError.self) { try other.card.certify(CertificateVariants.certificate(license)) }
    #expect(error?.status == .securityStatusNotSatisfied)
  }

  /// A2 cl. 1 and 4, last step: *if* they coincide. Else not one title appears.
  @Test func M16_A2claim4_nothingIsCopiedUnlessTheSignaturesCoincide() async throws {
    let scene = try await CopyingTests.Scene.set()
    try await scene.bench.license(scene.titles[0], in: scene.session)
    let other = try scene.bench.session(try await scene.bench.issueCard(purchaser: "B. Other"), scene.disc)
    #expect(throws: LicensingError.self) { try other.copy(scene.titles[0], from: scene.master) }
    #expect(try scene.disc.volume.titles().isEmpty)
    #expect(try scene.disc.volume.unfinishedCopies().isEmpty)
    try scene.session.copy(scene.titles[0], from: scene.master)
    #expect(try scene.disc.volume.titles().count == 1)
  }
}
