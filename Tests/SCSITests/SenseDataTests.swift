import Octets
import SCSI
import Testing

@Suite struct SenseDataTests {
  static func parse(_ hex: String) throws -> SenseData {
    let octets = try #require(Hex.decode(hex))
    return try SenseData(parsing: octets.span.bytes)
  }

  static func encode(_ sense: SenseData) -> String {
    let octets = sense.fixedFormat
    return Hex.encode(octets.span.bytes.octets)
  }

  /// Laid out by hand from SPC-4, 4.5.3.
  static let fixed: [(SenseData, String)] = [
    (SenseData(.noSense), "70000000000000" + "0A" + "00000000" + "000000000000"),
    (SenseData(.mediumNotPresent), "70000200000000" + "0A" + "00000000" + "3A0000000000"),
    (SenseData(.writeProtected, information: 0x0102_0304), "F0000701020304" + "0A" + "00000000" + "270000000000"),
    (
      SenseData(.invalidFieldInCDB, fieldPointer: .init(octet: 0x0102, bit: 5)),
      "70000500000000" + "0A" + "00000000" + "240000CD0102"
    ),
    (
      SenseData(.invalidOperationCode, fieldPointer: .init(octet: 0)),
      "70000500000000" + "0A" + "00000000" + "200000C00000"
    ),
    (SenseData(.writeError, information: 7, isDeferred: true), "F1000300000007" + "0A" + "00000000" + "0C0000000000"),
  ]

  @Test func fixedFormatBothWays() throws {
    for (sense, hex) in SenseDataTests.fixed {
      #expect(SenseDataTests.encode(sense) == hex)
      #expect(try SenseDataTests.parse(hex) == sense)
    }
  }

  @Test func descriptorFormatIsRead() throws {
    // Information 0x1_0000_0005 and a field pointer to octet 2, bit 3 (SPC-4, 4.5.2).
    let medium = try SenseDataTests.parse("72031100" + "0000000C" + "000A8000" + "0000000100000005")
    #expect(medium == SenseData(.unrecoveredReadError, information: 0x1_0000_0005))
    let field = try SenseDataTests.parse("73052400" + "00000008" + "02060000" + "CB000200")
    #expect(
      field == SenseData(.invalidFieldInCDB, fieldPointer: .init(octet: 2, bit: 3), isDeferred: true))
    let cut = try SenseDataTests.parse("72031100" + "0000000C" + "000A80")
    #expect(cut == SenseData(.unrecoveredReadError))
    let lying = try SenseDataTests.parse("72031100" + "000000FF" + "00FF8000")
    #expect(lying == SenseData(.unrecoveredReadError))
  }

  @Test func shortAnswersAreTakenAsFarAsTheyGo() throws {
    #expect(try SenseDataTests.parse("700002") == SenseData(SenseCode(.notReady, 0, 0)))
    #expect(try SenseDataTests.parse("F0000300000009") == SenseData(SenseCode(.mediumError, 0, 0), information: 9))
    #expect(try SenseDataTests.parse("7000030000000006000000003A007F") == SenseData(SenseCode(.mediumError, 0x3A, 0)))
    #expect(throws: OctetError.truncated) { try SenseDataTests.parse("") }
    #expect(throws: OctetError.truncated) { try SenseDataTests.parse("7000") }
    #expect(throws: OctetError.truncated) { try SenseDataTests.parse("720311") }
    #expect(throws: OctetError.invalid) { try SenseDataTests.parse("7F00000000") }
    #expect(throws: OctetError.invalid) { try SenseDataTests.parse("00") }
  }

  @Test func informationOverThirtyTwoBitsIsLeftOut() {
    #expect(SenseDataTests.encode(SenseData(.writeError, information: 0x1_0000_0000)).hasPrefix("700003"))
  }

  @Test func codesMatchByClassAndByName() {
    let sense = SenseData(.writeProtected, information: 12)
    #expect(SenseKey.dataProtect ~= sense)
    #expect(SenseCode.writeProtected ~= sense)
    #expect(SenseKey.dataProtect ~= sense.code)
    #expect((SenseKey.mediumError ~= sense) == false)
    #expect(sense.firstBadBlock == 12)
    #expect(SenseData(.invalidFieldInCDB, information: 12).firstBadBlock == nil)
    #expect(SenseCode.writeProtected.description == "7/27/00")
    #expect(SenseCode.miscompareDuringVerify.description == "E/1D/00")
    #expect(SenseCode(rawValue: 0xFF07_2700) == .writeProtected)
  }

  @Test func everyCodeSurvivesTheFormat() throws {
    for key in SenseKey.allCases {
      for _ in 0..<50 {
        let sense = SenseData(
          SenseCode(key, UInt8.random(in: 0...255), UInt8.random(in: 0...255)),
          information: Bool.random() ? UInt64(UInt32.random(in: 0...UInt32.max)) : nil, isDeferred: Bool.random())
        let outcome = CDBOutcome.check(sense)
        #expect(outcome.senseData == sense)
      }
    }
    #expect(CDBOutcome.good().senseData == nil)
    #expect(CDBOutcome(status: .checkCondition).senseData == nil)
  }

  @Test func randomOctetsAreSenseDataOrAnError() {
    for _ in 0..<20_000 {
      var octets = (0..<Int.random(in: 0...40)).map { _ in UInt8.random(in: 0...255) }
      if !octets.isEmpty { octets[0] = UInt8.random(in: 0x6F...0x74) | (Bool.random() ? 0x80 : 0) }
      _ = try? SenseData(parsing: octets.span.bytes)
    }
  }
}
