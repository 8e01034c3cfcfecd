import CardProtocol
import Cryptography
import ISO7816
import Testing

/// PIN and PUK: every answer, and the counters behind them.
@Suite struct ReferenceDataTests {
  private static let wrong = Array("9999".utf8) + [0xFF, 0xFF, 0xFF, 0xFF]

  @Test func triesCountDownAndBlock() throws {
    let bench = try Bench.issued()
    #expect(try bench.status(.verify(.pin)).rawValue == 0x63C3)
    #expect(try bench.status(.verify(.pin, value: Self.wrong)).rawValue == 0x63C2)
    #expect(try bench.status(.verify(.pin)).rawValue == 0x63C2)
    #expect(try bench.status(.verify(.pin, value: Self.wrong)).rawValue == 0x63C1)
    #expect(try bench.status(.verify(.pin, value: Self.wrong)) == .authenticationMethodBlocked)
    #expect(try bench.status(.verify(.pin)) == .authenticationMethodBlocked)
    #expect(try bench.status(.verify(.pin, value: Bench.pin)) == .authenticationMethodBlocked)
    try bench.remount()
    #expect(try bench.status(.verify(.pin, value: Bench.pin)) == .authenticationMethodBlocked)
    #expect(try bench.applicationStatus(0x85) == 0)
  }

  @Test func rightValueGivesAllTriesBack() throws {
    let bench = try Bench.issued()
    #expect(try bench.status(.verify(.pin, value: Self.wrong)).rawValue == 0x63C2)
    #expect(try bench.status(.verify(.pin, value: Bench.pin)) == .ok)
    #expect(try bench.status(.verify(.pin)) == .ok)
    bench.reset()
    #expect(try bench.status(.verify(.pin)).rawValue == 0x63C3)
  }

  /// A wrong value takes a verification back that was there.
  @Test func wrongValueEndsVerification() throws {
    let bench = try Bench.issued()
    try bench.verifyPIN()
    #expect(try bench.status(.handOverCode(index: 0)) == .ok)
    #expect(try bench.status(.verify(.pin, value: Self.wrong)).rawValue == 0x63C2)
    #expect(try bench.status(.handOverCode(index: 0)) == .securityStatusNotSatisfied)
  }

  /// The flash after a wrong try, cut before the card could answer, has one try less: the counter goes down first.
  @Test func countedBeforeCompared() throws {
    let bench = try Bench.issued()
    let flash = RecordingFlash(bench.flash)
    let recorded = try Bench(flash: flash)
    flash.snapshots = []
    #expect(try recorded.status(.verify(.pin, value: Bench.pin)) == .ok)
    let first = try #require(flash.snapshots.first)
    let cut = try Bench(flash: BenchFlash(geometry: Bench.geometry, content: first))
    #expect(try cut.status(.verify(.pin)).rawValue == 0x63C2)
    #expect(flash.snapshots.count == 2)
  }

  @Test func pukUnblocksAndBlocks() throws {
    let bench = try Bench.issued()
    let new = Array("24680135".utf8)
    for _ in 0..<3 { _ = try bench.status(.verify(.pin, value: Self.wrong)) }
    #expect(try bench.status(.unblock(puk: Self.wrong, newPIN: new)).rawValue == 0x63C4)
    #expect(try bench.status(.unblock(puk: Bench.puk, newPIN: new)) == .ok)
    #expect(try bench.applicationStatus(0x86) == 5)
    #expect(try bench.status(.handOverCode(index: 0)) == .securityStatusNotSatisfied)
    #expect(try bench.status(.verify(.pin, value: new)) == .ok)
    for left in [4, 3, 2, 1] {
      #expect(try bench.status(.unblock(puk: Self.wrong, newPIN: new)) == .retriesLeft(UInt8(left)))
    }
    #expect(try bench.status(.unblock(puk: Self.wrong, newPIN: new)) == .authenticationMethodBlocked)
    #expect(try bench.status(.unblock(puk: Bench.puk, newPIN: new)) == .authenticationMethodBlocked)
    #expect(try bench.status(.change(.puk, from: Bench.puk, to: new)) == .authenticationMethodBlocked)
    #expect(try bench.status(.verify(.pin, value: new)) == .ok)
  }

  @Test func changing() throws {
    let bench = try Bench.issued()
    let new = Array("555555".utf8) + [0xFF, 0xFF]
    #expect(try bench.status(.change(.pin, from: Self.wrong, to: new)).rawValue == 0x63C2)
    #expect(try bench.status(.change(.pin, from: Bench.pin, to: new)) == .ok)
    #expect(try bench.status(.handOverCode(index: 0)) == .securityStatusNotSatisfied)
    #expect(try bench.status(.verify(.pin, value: Bench.pin)).rawValue == 0x63C2)
    #expect(try bench.status(.verify(.pin, value: new)) == .ok)
    #expect(try bench.status(.change(.puk, from: Bench.puk, to: new)) == .ok)
    #expect(try bench.status(.unblock(puk: new, newPIN: Bench.pin)) == .ok)
  }

  @Test(
    arguments: [
      (CommandAPDU(cla: 0, ins: 0x20, p1: 1, p2: 0x81), 0x6A86), (CommandAPDU(cla: 0, ins: 0x20, p2: 0x82), 0x6A86),
      (CommandAPDU(cla: 0, ins: 0x20, p2: 0x00), 0x6A86), (.verify(.pin, value: [1, 2, 3, 4]), 0x6700),
      (.verify(.pin, value: Bench.individualKey), 0x6700), (CommandAPDU(cla: 0, ins: 0x24, p1: 1, p2: 0x81), 0x6A86),
      (CommandAPDU(cla: 0, ins: 0x24, p2: 0x83), 0x6A86), (.change(.pin, from: Bench.pin, to: [1]), 0x6700),
      (.change(.pin, from: Bench.pin, to: [0x31, 0x32, 0x33, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]), 0x6A80),
      (.change(.pin, from: Bench.pin, to: [0x31, 0x32, 0x33, 0x34, 0xFF, 0x35, 0xFF, 0xFF]), 0x6A80),
      (.unblock(puk: Bench.puk, newPIN: [1]), 0x6700), (CommandAPDU(cla: 0, ins: 0x2C, p2: 0x82), 0x6A86),
      (.unblock(puk: Bench.puk, newPIN: [UInt8](repeating: 0xFF, count: 8)), 0x6A80),
    ] as [(CommandAPDU, UInt16)])
  func malformedCostsNoTry(_ command: CommandAPDU, _ word: UInt16) throws {
    let bench = try Bench.issued()
    let before = bench.flash.content
    #expect(try bench.status(command).rawValue == word)
    #expect(bench.flash.content == before)
  }

  @Test func withoutPINThereIsNoneToVerify() throws {
    let bench = try Bench.secured()
    for command in [
      CommandAPDU.verify(.pin), .verify(.pin, value: Bench.pin), .unblock(puk: Bench.puk, newPIN: Bench.pin),
    ] {
      #expect(try bench.status(command) == .referencedDataNotFound)
    }
  }

  @Test func setOnceByTheIssuer() throws {
    let bench = try Bench.issued()
    let session = try bench.open()
    let again = try session.store(Bench.object(.referenceData, Bench.pin + Bench.puk))
    #expect(again.status == .conditionsNotSatisfied)
    let fresh = try Bench.secured().open()
    #expect(try fresh.store(Bench.object(.referenceData, Bench.pin)).status == .incorrectData)
    #expect(try fresh.store(Bench.object(.referenceData, Bench.pin + [1] + Bench.pin[1...])).status == .ok)
  }
}
