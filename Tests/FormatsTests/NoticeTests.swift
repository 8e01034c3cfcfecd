import Cryptography
import Formats
import Identifiers
import Octets
import Testing

@Suite struct NoticeTests {
  private func sealed(_ notice: Notice) throws -> SealedNotice {
    let random = SeededRandom(seed: Sample.seed)
    return try SealedNotice.seal(
      notice, acknowledgement: Sample.bytes(0xA0, 16), number: 9, from: try Sample.centerID(), to: try Sample.serial(),
      at: 1_800_000_000, individualKey: Secret(random: 32, from: random), random: random)
  }

  @Test func sealedNoticeIsStrict() throws {
    let notice = try sealed(
      try Notice(.paybackGranted, amount: Money(minorUnits: 500, currency: .yen), text: "Line one\n割符"))
    let octets = notice.encoded
    #expect(try SealedNotice(parsing: octets.span.bytes) == notice)
    try expectStrict(octets) { try SealedNotice(parsing: $0.span.bytes).encoded }
  }

  @Test func theSenderIsTheCentre() throws {
    let notice = try sealed(try Notice(.message, text: "x"))
    #expect(try notice.sender.octets == Array(try Sample.centerID().octets.prefix(8)))
  }

  @Test func anotherKeyOpensNothing() throws {
    let notice = try sealed(try Notice(.message, text: "x"))
    let error = #expect(throws: FormatError.self) {
      _ = try notice.open(with: Secret(copying: [UInt8](repeating: 1, count: 32)))
    }
    #expect(error?.code == .notAuthentic)
  }

  @Test func acknowledgementsAre16Octets() throws {
    let random = SeededRandom(seed: Sample.seed)
    #expect(throws: FormatError.self) {
      _ = try SealedNotice.seal(
        try Notice(.message, text: "x"), acknowledgement: [1], number: 9, from: try Sample.centerID(),
        to: try Sample.serial(), at: 0, individualKey: Secret(random: 32, from: random), random: random)
    }
  }

  @Test(arguments: ["", "bell\u{7}", "right\u{202E}left", "tab\t", String(repeating: "x", count: 4097)])
  func textsThatDoNotPrintAreRefused(_ text: String) {
    #expect(throws: FormatError.self) { _ = try Notice(.message, text: text) }
  }

  @Test func pointsAreCountedWhole() {
    #expect(Money(minorUnits: 12, currency: .points).description == "12 PTS")
    #expect(Money("12 PTS") == Money(minorUnits: 12, currency: .points))
    #expect(Money("1.2 PTS") == nil)
  }
}
