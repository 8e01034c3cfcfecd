import CardDriver
import Cryptography
import Formats
import Foundation
import Identifiers
import LicenseCenter
import Octets
import SecureChannel
import Testing
import WarifuTesting

@testable import CopyLicensing

/// Attack 1: name another title's software id as the medium id, buy a cheap title, and receive the dear title's Ka as Ku.
@Suite struct Attack01Tests {
  @Test func attack01_seedGivesTheDearTitlesKeyForTheCheapOne() throws {
    let center = SeedCenter(seed: 1)
    let (cheap, dear) = (SeededRandom(seed: 2).octets(16), SeededRandom(seed: 3).octets(16))
    let content = Array("THE DEAR CONTENT, 2 BLOCKS LONG.".utf8)
    let onMasterDisc = try SeedCipher.encrypt(content, try center.key(of: dear))
    // What is ordered and billed is the cheap title; the "medium" is the dear one's number.
    let answer = try center.conversionKeys(medium: dear, software: cheap)
    let keys = try SeedCipher.decrypt(answer, dear)
    #expect(try SeedCipher.decrypt(onMasterDisc, Array(keys[..<16])) == content)
  }

  @Test func attack01_idsOfTheTwoKindsLieApartHere() async throws {
    let scene = try await ConversionScene.set(seed: 101)
    let (cheap, dear) = (scene.titles[1], scene.titles[0])
    var request = try scene.bench.request(cheap, in: scene.session)
    request.mediumID = try #require(MediumID(octets: dear.octets))
    // The centre cannot tell that no medium has this id, and the card opens what it is shown.
    let license = try await scene.bench.center.conversionLicenses.license(request)
    let keys = try scene.card.card.openConversionKeys(
      softwareID: cheap, mediumID: request.mediumID, wrappedMediumKey: license.wrappedMediumKey,
      wrappedMasterKey: license.wrappedMasterKey)
    let dearKey = try await scene.bench.center.titles.contentKey(of: dear)
    let sealed = try scene.sealed(0)
    let opened = try Content.parameters.open(sealed, key: dearKey, associatedData: Content.associatedData(dear))
    let isContent = opened.withBytes { Data($0.octets) } == ConversionScene.contents[0]
    #expect(isContent, "the dear title's own key opens it")
    for received in [keys.mediumKey.withBytes { $0.octets }, keys.masterKey.withBytes { $0.octets }] {
      let key = Secret(copying: received)
      let isDear = key.matches(dearKey)
      #expect(!isDear)
      for title in [cheap, dear] {
        #expect(throws: CryptoError.notAuthentic) {
          _ = try Content.parameters.open(sealed, key: key, associatedData: Content.associatedData(title))
        }
      }
    }
  }
}
