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

/// Attack 3: a certificate code forged across lengths. Chaining alone (Fig 5) signs the continuation of what it signed:
/// whoever has CS of one medium has it for a longer id too, and ids have no length of their own in the seeds.
@Suite struct Attack03Tests {
  /// The longer id: the first one, then what makes the chain begin anew, then the first one again.
  private func longerID(software: [UInt8], medium: [UInt8], code: [UInt8]) -> [UInt8] {
    medium + SeedCipher.xor(software, code) + medium
  }

  @Test func attack03_seedsCodeIsGoodForALongerIDToo() throws {
    let center = SeedCenter(seed: 7)
    let (software, medium) = (SeededRandom(seed: 8).octets(16), SeededRandom(seed: 9).octets(16))
    let bought = try center.certificate(software: software, medium: medium)
    let forged = longerID(software: software, medium: medium, code: bought.code)
    #expect(
      try center.userAccepts(code: bought.code, wrappedKey: bought.wrappedKey, software: software, medium: forged))
  }

  /// The same step against CMAC, whose last block is masked, under a key and on blocks of the attacker's choice.
  @Test func attack03_masksOfTheLastBlockEndIt() throws {
    for seed in 0..<64 as Range<UInt64> {
      let random = SeededRandom(seed: seed)
      let key = Secret(random: 32, from: random)
      let (software, medium) = (random.octets(16), random.octets(16))
      let code = try CMAC.tag(key, software + medium)
      let forged = software + longerID(software: software, medium: medium, code: code)
      #expect(throws: CryptoError.notAuthentic) { try CMAC.verify(key, forged, tag: code) }
    }
  }

  /// And against a real licence, where ids are typed fields with their lengths: by the card, at every length there is.
  @Test func attack03_cardRefusesEveryLongerID() async throws {
    let scene = try await CopyingTests.Scene.set(seed: 103)
    let license = try await scene.bench.license(scene.titles[0], in: scene.session)
    let genuine = CertificateVariants.certificate(license)
    try scene.card.card.certify(genuine)
    let input = license.certificateInput
    let room = 64 - license.mediumID.octets.count
    var continuations = (1...room).map { Array(input.prefix($0)) }
    continuations.append(Array(SeedCipher.xor(Array(input.prefix(16)), license.certificateCode).prefix(room)))
    for continuation in continuations {
      var forged = genuine
      forged.mediumID = try #require(MediumID(octets: license.mediumID.octets + continuation))
      let refusal = #expect(throws: CardError.self) { try scene.card.card.certify(forged) }
      #expect(refusal?.status == .securityStatusNotSatisfied)
    }
  }
}
