import CardProtocol
import Cryptography
import Formats
import Foundation
import Identifiers
import Octets
import PostgresRig
import SecureChannel
import Testing

@testable import LicenseCenter

/// A processor that never answers: what is asked of it stays noted.
private struct SilentProcessor: PaymentProcessor {
  let name = "silent"

  func accepts(_ method: PaymentMethod) -> Bool { true }

  func authorise(
    _ payment: OperationID, _ amount: Money, from method: PaymentMethod
  ) async throws(PaymentFailure) -> PaymentAnswer { throw .unreachable }

  func capture(_ payment: OperationID) async throws(PaymentFailure) -> PaymentAnswer { throw .unreachable }

  func void(_ payment: OperationID) async throws(PaymentFailure) -> PaymentAnswer { throw .unreachable }

  func refund(
    _ refund: OperationID, _ amount: Money, of payment: OperationID
  ) async throws(PaymentFailure) -> PaymentAnswer { throw .unreachable }

  func standing(of payment: OperationID) async throws(PaymentFailure) -> PaymentStanding? { throw .unreachable }
}

extension TestCenter {
  /// Everything the folder's files hold, log and all, and the files and the log of a server that has the database.
  func files() throws -> [(name: String, content: Data)] {
    var paths = try FileManager.default.subpathsOfDirectory(atPath: path).map { path + "/" + $0 }
    if let database = room.name {
      let server = try PrivatePostgres.shared()
      paths.append(server.logFile)
      try server.run("CHECKPOINT")
      let tables = try server.run(
        "SELECT pg_relation_filepath(oid) FROM pg_class WHERE relkind IN ('r', 'i', 't') AND oid >= 16384", in: database
      )
      paths += tables.compactMap { $0.first ?? nil }.map { server.dataFolder + "/" + $0 }
    }
    return try paths.map { URL(filePath: $0) }.compactMap { file in
      guard try file.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true else { return nil }
      return (file.lastPathComponent, try Data(contentsOf: file))
    }
  }
}

@Suite(.onEveryEngine) struct SecrecyTests {

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
    let token = "tok_4242424242424242"
    let paying = try await test.reopened(payments: .processor(SilentProcessor()))
    try await paying.payments.file(try #require(PaymentMethod(token: token)), for: test.serial)
    await expectFailure(.paymentUnknown) { _ = try await paying.rightsSeller.sell(try test.sheetOrder(title)) }
    _ = try await test.center.notices.send("a private word", to: test.serial, operation: try test.operationID())
    let letter = try await test.center.cardIssuer.pinLetter(of: test.serial)
    var secrets: [(String, [UInt8])] = [
      ("means of payment", Array(token.utf8)), ("notice", Array("a private word".utf8)),
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
    let names = Set(try test.files().map(\.name))
    let database = test.room.engine == .sqlite ? ["center.db", "center.db-wal"] : ["log"]
    #expect(names.isSuperset(of: database + ["audit.heads", "keys.sealed", "center.json", "backup"]))
    for file in try test.files() {
      for (kind, secret) in secrets {
        #expect(file.content.range(of: Data(secret)) == nil, "\(kind) in \(file.name)")
        #expect(file.content.range(of: Data(Hex.encode(secret).utf8)) == nil, "\(kind) as text in \(file.name)")
      }
    }
    // The search itself works: what is public is found.
    #expect(try test.files().contains { $0.content.range(of: Data(title.softwareID.octets)) != nil })
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
