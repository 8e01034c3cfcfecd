import CardDriver
import CardEmulator
import CardProtocol
import Cryptography
import Formats
import Foundation
import ISO7816
import Identifiers
import Testing

@testable import LicenseCenter

extension Purchaser {
  /// Opens a notice with the card in hand.
  fileprivate func open(_ notice: SealedNotice) throws -> OpenedNotice {
    let shared = WarifuCard.SharedKey(
      peer: try notice.sender, number: notice.number, wrapped: notice.wrappedSharedKey)
    return try notice.open(with: try card.use(.unwrap, Secret(copying: notice.wrappedKey), shared: shared))
  }
}

/// Notices from the centre to the card's own firmware.
@Suite(.onEveryEngine) struct NoticeTests {
  private static let reward = Money(minorUnits: 500, currency: .yen)

  /// [0050]: what the seller has to say about pay-back is sealed under the individual key, and its owner alone opens it.
  @Test func P18_payBackNoticesAreOpenedByTheirOwnerAlone() async throws {
    let test = try await TestCenter()
    let (a, b) = (try await Purchaser(test), try await Purchaser(test))
    let title = try await test.center.titles.register(
      name: "t", version: "1", type: .data, seller: "S", price: Money(minorUnits: 7, currency: .yen))
    _ = try await test.set(try PaybackRule(.bulk, .amount(NoticeTests.reward)))
    try await test.sell(3, of: title, to: a.serial)
    try await test.center.payback.payOut(
      NoticeTests.reward, of: a.serial, to: .account, operation: try test.operationID())
    let fetched = try await test.center.notices.fetch(of: a.serial)
    #expect(try fetched.map { try a.open($0).notice.kind } == [.paybackGranted, .paybackPaidOut])
    #expect(try fetched.map { try a.open($0).notice.amount } == [NoticeTests.reward, NoticeTests.reward])
    let notice = try #require(fetched.first)
    #expect(throws: CardError.self) { try b.open(notice) }
    // Addressed to somebody else, or given another number or sender, it opens for nobody.
    var changed = [notice, notice, notice]
    changed[0].cardSerial = b.serial
    changed[1].number += 1
    changed[2].centerID = try #require(CenterID(octets: test.random.octets(16)))
    for forged in changed {
      for holder in [a, b] { #expect(throws: (any Error).self) { try holder.open(forged) } }
    }
    for index in notice.ciphertext.indices {
      var forged = notice
      forged.ciphertext[index] ^= 1
      #expect(throws: (any Error).self) { try a.open(forged) }
    }
    #expect(try await test.center.notices.fetch(of: b.serial).isEmpty)
    _ = try await test.center.verify()
  }

  /// What a notice says is nowhere in the centre's files.
  @Test func noticesLieSealed() async throws {
    let test = try await TestCenter()
    let purchaser = try await Purchaser(test)
    let text = "Dear Tanaka,\nsomething private"
    _ = try await test.center.notices.send(text, to: purchaser.serial, operation: try test.operationID())
    for (name, content) in try test.files() {
      #expect(content.range(of: Data("something private".utf8)) == nil, "\(name)")
    }
    let notice = try #require(try await test.center.notices.fetch(of: purchaser.serial).first)
    #expect(try purchaser.open(notice).notice == Notice(.message, text: text))
  }

  @Test func noticesAreFetchedAndAcknowledgedByWhoOpenedThem() async throws {
    let test = try await TestCenter()
    let purchaser = try await Purchaser(test)
    let serial = purchaser.serial
    let notices = test.center.notices
    let operation = try test.operationID()
    let first = try await notices.send("one", to: serial, operation: operation)
    #expect(try await notices.send("one", to: serial, operation: operation) == first)
    await expectFailure(.keyReused) { _ = try await notices.send("another", to: serial, operation: operation) }
    let second = try await notices.send("two", to: serial, operation: try test.operationID())
    func states() async throws -> [NoticeRecord.State] { try await notices.records(of: serial).map(\.state) }
    #expect(try await states() == [.waiting, .waiting])
    let sealed = try #require(try await notices.fetch(of: serial, after: first).first)
    #expect(sealed.number == second)
    #expect(try await states() == [.waiting, .delivered])
    await expectFailure(.notFound, "guessed") {
      try await notices.acknowledge(second, of: serial, with: [UInt8](repeating: 0, count: 16))
    }
    let opened = try purchaser.open(sealed)
    await expectFailure(.notFound, "another notice") {
      try await notices.acknowledge(first, of: serial, with: opened.acknowledgement)
    }
    for _ in 0..<2 { try await notices.acknowledge(second, of: serial, with: opened.acknowledgement) }
    #expect(try await states() == [.waiting, .read])
    #expect(try await notices.fetch(of: serial).map(\.number) == [first, second], "they can be fetched again")
    await expectFailure(.conflict, "nobody's card") {
      _ = try await notices.send("x", to: test.serial, operation: try test.operationID())
    }
    await expectFailure(.invalid) { _ = try await notices.send("", to: serial, operation: try test.operationID()) }
    _ = try await test.center.verify()
  }
}
