import CardProtocol
import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import SecureChannel
import Testing

@testable import LicenseCenter

@Suite struct SecrecyTests {
  /// Everything the folder's files hold, log and all.
  private func files(_ test: TestCenter) throws -> [(name: String, content: Data)] {
    try FileManager.default.contentsOfDirectory(atPath: test.path).map { name in
      (name, try Data(contentsOf: URL(filePath: test.path + "/" + name)))
    }
  }

  /// Every kind of secret, at the moment when the most of them are kept.
  @Test func nothingSecretLiesInClear() async throws {
    let test = try await TestCenter()
    let transport = try #require(test.card.state.transport)
    let title = try await test.issuedCardAndTitle()
    let sheet = try await test.center.rightsSeller.sell(
      SealSheetOrder(
        operationID: test.operationID(), cardSerial: test.serial, softwareID: title.softwareID, quantity: 3, url: "u"))
    let broken = TestRelay(test.card)
    broken.cutAt = (.storeData, .after)
    await expectFailure(.cardUnreachable) {
      _ = try await test.center.charging.charge(try test.chargeOrder(title), over: broken)
    }
    let letter = try await test.center.cardIssuer.pinLetter(of: test.serial)
    var secrets: [(String, [UInt8])] = [
      ("passphrase", TestCenter.passphrase), ("purchaser", Array("Tanaka".utf8)), ("PUK", Array(letter.puk.utf8)),
      ("PIN", Array(letter.pin.utf8) + [0xFF, 0xFF]),
      ("individual key", try #require(test.card.state.individualKey)),
      ("content key", try await test.center.titles.contentKey(of: title.softwareID).withBytes { $0.octets }),
    ]
    secrets += transport.map { ("transport key", $0) }
    secrets += test.card.state.generationKeys.values.map { ("generation key", $0) }
    secrets +=
      sheet.codes.map { ("code on a sheet", $0.octets) } + sheet.codes.map { ("code's text", Array($0.text.utf8)) }
    secrets += test.card.state.codes.map { ("code on a card", $0.code) }
    for purpose in KeyPurpose.allCases where purpose != .generation {
      let key = try test.center.context.keys.withKey(purpose) { $0.withBytes { $0.octets } }
      secrets.append(("\(purpose)", Array(key.suffix(32))))
    }
    #expect(secrets.count > 25)
    _ = try await test.center.backUp(to: test.path + "/backup")
    let names = Set(try files(test).map(\.name))
    #expect(
      names.isSuperset(of: ["center.db", "center.db-wal", "audit.heads", "keys.sealed", "center.json", "backup"]))
    for file in try files(test) {
      for (kind, secret) in secrets {
        #expect(file.content.range(of: Data(secret)) == nil, "\(kind) in \(file.name)")
        #expect(file.content.range(of: Data(Hex.encode(secret).utf8)) == nil, "\(kind) as text in \(file.name)")
      }
    }
    // The search itself works: what is public is found.
    #expect(try files(test).contains { $0.content.range(of: Data(title.softwareID.octets)) != nil })
  }

  @Test func sealedValuesFitOneRowOfOneColumn() async throws {
    let test = try await TestCenter()
    let vault = test.center.context.vault
    let sealed = try vault.seal(Secret(copying: [1, 2, 3]), .purchaser, row: [1])
    #expect(try vault.open(sealed, .purchaser, row: [1]).withBytes { $0.octets } == [1, 2, 3])
    #expect(throws: CryptoError.notAuthentic) { _ = try vault.open(sealed, .purchaser, row: [2]) }
    #expect(throws: CryptoError.notAuthentic) { _ = try vault.open(sealed, .referenceData, row: [1]) }
    #expect(throws: CryptoError.notAuthentic) { _ = try vault.open([0, 0, 0], .purchaser, row: [1]) }
    #expect(throws: (any Error).self) { _ = try vault.open([0, 0, 0, 9] + sealed.dropFirst(4), .purchaser, row: [1]) }
  }
}
