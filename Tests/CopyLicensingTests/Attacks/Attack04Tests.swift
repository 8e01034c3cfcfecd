import CardDriver
import Cryptography
import DiscDriver
import Formats
import Identifiers
import Octets
import SecureChannel
import Testing
import WarifuTesting

@testable import CopyLicensing
@testable import LicenseCenter

/// Attack 4: whoever holds KU has KEYc from his first licence, and mints certificates for other discs and titles.
@Suite struct Attack04Tests {
  @Test func attack04_seedsUserMintsCertificates() throws {
    let center = SeedCenter(seed: 10)
    let random = SeededRandom(seed: 11)
    let bought = try center.certificate(software: random.octets(16), medium: random.octets(16))
    let certificationKey = try SeedCipher.decrypt(bought.wrappedKey, center.userKey)
    // A disc and a title that the centre never heard of from this user.
    let (software, medium) = (random.octets(16), random.octets(16))
    let minted = try SeedCipher.chain(software + medium, certificationKey)
    #expect(
      try center.userAccepts(code: minted, wrappedKey: bought.wrappedKey, software: software, medium: medium))
  }

  /// Here KU never leaves the card. Suppose it did: a card is broken, and its holder knows KU, KEYc and Kd.
  @Test func attack04_brokenCardMintsNothingThatASessionTakes() async throws {
    let scene = try await CopyingTests.Scene.set(seed: 104)
    let license = try await scene.bench.license(scene.titles[0], in: scene.session)
    let certificationKey = try openedByForce(license, scene)
    let contentKey = try await scene.bench.center.titles.contentKey(of: scene.titles[0])
    let other = try scene.bench.makeDisc("unlicensed.mo")
    let session = try scene.bench.session(scene.card, other)
    var minted = license
    minted.mediumID = other.volume.identity.id
    minted.certificateCode = try CMAC.tag(certificationKey, minted.certificateInput)
    let wrapping = try CardKeys.contentWrappingKey(certificationKey, certificateInput: minted.certificateInput)
    minted.wrappedContentKey = try KeyWrap.wrap(contentKey, under: wrapping)
    // The card alone would take the code for good: it is one. What is not there is the centre's signature.
    try scene.card.card.certify(CertificateVariants.certificate(minted))
    let error = #expect(throws: LicensingError.self) { try session.install(minted) }
    #expect(error?.code == .notAuthentic)
    // Put there by other means, it is not looked at either.
    try other.volume.install(licence: minted.encoded, for: minted.softwareID)
    for use in [
      { _ = try session.copy(scene.titles[0], from: scene.master) }, { _ = try session.open(scene.titles[0]) },
    ] {
      let error = #expect(throws: LicensingError.self) { try use() }
      #expect(error?.code == .notAuthentic)
    }
    #expect(try other.volume.titles().isEmpty)
  }

  /// KEYc is one licence's alone: what was broken once opens no other title, whatever is asked of the card.
  @Test func attack04_keyOfOneLicenceIsNoOthers() async throws {
    let scene = try await CopyingTests.Scene.set(seed: 105)
    let first = try await scene.bench.license(scene.titles[0], in: scene.session)
    let second = try await scene.bench.license(scene.titles[1], in: scene.session)
    let certificationKey = try openedByForce(first, scene)
    #expect(throws: CryptoError.notAuthentic) {
      try CMAC.verify(certificationKey, second.certificateInput, tag: second.certificateCode)
    }
    let wrapping = try CardKeys.contentWrappingKey(certificationKey, certificateInput: second.certificateInput)
    #expect(throws: CryptoError.notAuthentic) { _ = try KeyWrap.unwrap(second.wrappedContentKey, under: wrapping) }
    // The minted code for the second title, with the first one's key wrapped as the card wants it: it certifies, and
    // there is no content key that it would open.
    var minted = CertificateVariants.certificate(second)
    minted.wrappedCertificationKey = first.wrappedCertificationKey
    minted.certificateCode = try CMAC.tag(certificationKey, second.certificateInput)
    #expect(throws: CardError.self) {
      _ = try scene.card.card.releaseContentKey(minted, wrappedContentKey: second.wrappedContentKey)
    }
  }

  /// KEYc of a licence, as only somebody with the card's individual key could have it.
  private func openedByForce(_ license: CopyLicense, _ scene: CopyingTests.Scene) throws -> Secret {
    let keys = scene.bench.center.context.keys
    let individualKey = try CardKeys.individualKey(of: license.cardSerial, version: 1, keys)
    let userKey = try CardKeys.derive(individualKey, .copyLicenseUserKey, license.cardSerial)
    return try KeyWrap.unwrap(license.wrappedCertificationKey, under: userKey)
  }
}
