import CardDriver
import Cryptography
import Formats
import ISO7816
import Identifiers
import LicenseCenter
import Octets
import SecureChannel
import Testing
import WarifuTesting

/// Attack 2: whoever saw the request, and so the medium id, unwraps E_Mid(Ku, Ka).
@Suite struct Attack02Tests {
  @Test func attack02_seedsListenerHasBothKeys() throws {
    let center = SeedCenter(seed: 4)
    let (medium, software) = (SeededRandom(seed: 5).octets(16), SeededRandom(seed: 6).octets(16))
    let answer = try center.conversionKeys(medium: medium, software: software)
    let heard = try SeedCipher.decrypt(answer, medium)
    #expect(heard == (try center.key(of: medium)) + (try center.key(of: software)))
  }

  /// The listener has request and answer to the last octet, a card of his own, and the disc in his hands.
  @Test func attack02_listenerHasNoSecretToOpenThemWith() async throws {
    let scene = try await ConversionScene.set(seed: 102)
    let request = try scene.bench.request(scene.titles[0], in: scene.session)
    let license = try await scene.bench.center.conversionLicenses.license(request)
    let (medium, software) = (request.mediumID.octets, request.softwareID.octets)
    let heard = [
      medium, software, request.cardSerial.octets, request.operationID.octets, request.encoded, license.encoded,
      license.signedOctets, license.signature, medium + software, Digest.sha256(medium), Digest.sha256(license.encoded),
    ]
    for secret in heard {
      for (wrapped, info) in [
        (license.wrappedMediumKey, Array("Ku".utf8) + medium),
        (license.wrappedMasterKey, Array("Ka".utf8) + medium + software),
      ] {
        let derived = try Derivation.hkdf(Secret(copying: secret), salt: [], info: info, octets: 32)
        #expect(throws: CryptoError.notAuthentic) { _ = try KeyWrap.unwrap(wrapped, under: derived) }
        // As the seeds would have it: the id itself, cut or filled to a key.
        let itself = Secret(copying: Array((secret + [UInt8](repeating: 0, count: 32)).prefix(32)))
        #expect(throws: CryptoError.notAuthentic) { _ = try KeyWrap.unwrap(wrapped, under: itself) }
      }
    }
    let listener = try await scene.bench.issueCard(purchaser: "M. Listener")
    let refusal = #expect(throws: CardError.self) {
      _ = try listener.card.openConversionKeys(
        softwareID: request.softwareID, mediumID: request.mediumID, wrappedMediumKey: license.wrappedMediumKey,
        wrappedMasterKey: license.wrappedMasterKey)
    }
    #expect(refusal?.status == .securityStatusNotSatisfied)
  }
}
