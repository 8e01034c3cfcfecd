import CardDriver
import CardProtocol
import CopyLicensing
import Cryptography
import Formats
import Foundation
import LicenseCenter
import Testing
import WarifuTesting

/// A card's signature key signs any digest for its holder, under a certificate of the centre's authority. Its word must
/// not pass for the centre's (decision 0006).
@Suite struct ForgeryTests {
  /// Everything genuine but what `certificate` and `sign` replace.
  private func press(
    in scene: CopyingTests.Scene, certificate: [UInt8], sign: ([UInt8]) throws -> [UInt8]
  ) throws -> String {
    let (bench, path) = (scene.bench, scene.bench.folder("forged.iso"))
    var press = try MasterPress(
      creating: path, name: "Forged", center: bench.center.facts.centerID, catalogueCertificate: certificate,
      time: bench.clock.now(), random: bench.random)
    try Data("malware".utf8).write(to: URL(fileURLWithPath: bench.folder("forged.bin")))
    try press.add(
      PressedTitle(
        softwareID: scene.titles[0], name: "Forged", version: "6.6", type: .program,
        price: Money(minorUnits: 0, currency: .euro)),
      contentKey: Secret(random: 32, from: bench.random), from: bench.folder("forged.bin"))
    let json = try press.catalogue.json()
    try press.finish(SignedCatalogue(json: json, signature: try sign(json)))
    return path
  }

  private enum Pretence: CaseIterable {
    /// The card's own certificate.
    case cardSignature, cardAuthentication
    /// The centre's, for another purpose and for this one.
    case centersForLicenses, centersForCatalogues
  }

  @Test(arguments: [true, false]) func M2_cardHolderCannotSignCatalogues(isLabelled: Bool) async throws {
    let scene = try await CopyingTests.Scene.set()
    let card = scene.card.card
    try card.verify(pin: Secret(copying: Array(scene.card.pin.utf8)))
    for pretence in Pretence.allCases {
      let certificate =
        switch pretence {
        case .cardSignature: try card.certificate(.signatureCertificate)
        case .cardAuthentication: try card.certificate(.authenticationCertificate)
        case .centersForLicenses: scene.bench.center.facts.licenseCertificate
        case .centersForCatalogues: scene.bench.center.facts.catalogueCertificate
        }
      let path = try press(in: scene, certificate: certificate) { json in
        try card.sign(digest: Digest.sha256(isLabelled ? SignedCatalogue.signedOctets(json: json) : json))
      }
      let error = #expect(throws: LicensingError.self, "\(pretence)") {
        try LicensedMaster(opening: path, anchor: scene.session.anchor)
      }
      #expect(error?.code == .notAuthentic, "\(pretence)")
      try FileManager.default.removeItem(atPath: path)
    }
  }

  @Test func M6_cardHolderCannotSignLicences() async throws {
    let scene = try await CopyingTests.Scene.set()
    let card = scene.card.card
    var license = try await scene.bench.license(scene.titles[0], in: scene.session)
    try card.verify(pin: Secret(copying: Array(scene.card.pin.utf8)))
    license.terms = .unlimited
    license.signature = try card.sign(digest: Digest.sha256(license.signedOctets))
    let error = #expect(throws: LicensingError.self) { try scene.session.install(license) }
    #expect(error?.code == .notAuthentic)
  }

  @Test func onlyTheCentersLicenceCertificateMakesAnAnchor() async throws {
    let scene = try await CopyingTests.Scene.set()
    let (facts, card, time) = (scene.bench.center.facts, scene.card.card, scene.bench.clock.now())
    _ = try TrustAnchor(authority: facts.authorityCertificate, license: facts.licenseCertificate, time: time)
    for other in [
      try card.certificate(.signatureCertificate), try card.certificate(.authenticationCertificate),
      facts.catalogueCertificate, facts.authorityCertificate,
    ] {
      let error = #expect(throws: LicensingError.self) {
        try TrustAnchor(authority: facts.authorityCertificate, license: other, time: time)
      }
      #expect(error?.code == .notAuthentic)
    }
  }
}
